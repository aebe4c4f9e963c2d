/** A verbatim reply for web servers that expect a CGI head: its HTTP head is parsed and sent as a CGI head. */

import { HeadParser } from '../cgi/codec/head-parser.js'
import { AppError } from '../core/errors.js'
import type { Reply } from '../core/exchange.js'

/**
 * @throws ProgramError if it is not an HTTP response; AppError REPLY_INVALID if its body has a transfer
 * coding
 */
export async function parseVerbatimReply(reply: Reply): Promise<Reply> {
  const parser = new HeadParser({ nph: true })
  const pieces = piecesOf(reply.body)[Symbol.asyncIterator]()
  for (;;) {
    const { done, value } = await pieces.next()
    if (done) return parser.end()
    const found = parser.push(value)
    if (!found) continue
    const { head, rest } = found
    const coding = head.headers.find(
      (_, i) => i % 2 === 1 && head.headers[i - 1]?.toLowerCase() === 'transfer-encoding',
    )
    if (coding) {
      throw new AppError(
        'REPLY_INVALID',
        `A complete HTTP response with Transfer-Encoding ${coding} cannot be sent as CGI output.`,
      )
    }
    return {
      status: head.status,
      headers: head.headers,
      body: follow(rest, pieces),
      ...(head.reason !== undefined && { reason: head.reason }),
    }
  }
}

async function* piecesOf(body: Reply['body']): AsyncGenerator<Uint8Array> {
  if (typeof body === 'string') yield Buffer.from(body)
  else if (body instanceof Uint8Array) yield body
  else if (body !== null) yield* body
}

async function* follow(rest: Uint8Array, pieces: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    if (rest.byteLength > 0) yield rest
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) yield next.value
  } finally {
    await pieces.return?.()
  }
}
