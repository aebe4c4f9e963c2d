/** A Content-Type for a reply that came without one. No IO. */
import type { Reply } from '../../core/exchange.js'

const looked = 512

/**
 * RFC 3875 section 6.3.1 wants a Content-Type with every body. Text and whole HTML pages are told
 * apart from other bytes by their beginning; of a streamed body nothing is known yet.
 */
export function guessContentType(body: Reply['body']): string {
  if (typeof body === 'string') return textType(body.slice(0, looked))
  if (!(body instanceof Uint8Array)) return 'application/octet-stream'
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const start = bytes.toString('latin1', 0, looked)
  return /[^\t-\r -~\x80-\xff]/.test(start) ? 'application/octet-stream' : textType(start)
}

function textType(start: string): string {
  return /^\s*<(?:!doctype html|html)[\s>]/i.test(start)
    ? 'text/html; charset=utf-8'
    : 'text/plain; charset=utf-8'
}
