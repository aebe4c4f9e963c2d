/** Pages that the host itself sends. */
import { logLine } from '../cgi/codec/error-text.js'
import { pageFields } from '../cgi/codec/page-fields.js'
import { reasonPhrase } from '../cgi/codec/status.js'
import { visible } from '../cgi/script/stderr.js'
import { CgiupError } from '../core/errors.js'
import type { Exchange, HeaderList, Reply } from '../core/exchange.js'

/** A page with only the status: what clients get in production. */
export function plainReply(status: number, headers: HeaderList = []): Reply {
  const title = `${status} ${reasonPhrase(status)}`
  return htmlReply(status, title, `<h1>${title}</h1>`, headers)
}

/** In development: the status, and why. */
export function reasonReply(status: number, why: string): Reply {
  const title = `${status} ${reasonPhrase(status)}`
  return htmlReply(status, title, `<h1>${title}</h1>\n<p>${escapeHtml(why)}</p>`)
}

/**
 * Logs a refusal. A client may have chosen names in it, so line breaks and control characters are escaped.
 */
export function logRefusal(exchange: Exchange, status: number, why: string): void {
  exchange.stderr(logLine(exchange.env, `${status}: ${visible(why)}`))
}

/** @param body HTML, already escaped. */
export function htmlReply(status: number, title: string, body: string, headers: HeaderList = []): Reply {
  const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1rem; margin: 1.5rem 0 .3rem }
pre { background: #8881; padding: .7rem; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere }
li { margin: .3rem 0 } li small { color: #777; display: block }
</style>
${body}
</html>
`
  return {
    status,
    headers: ['Content-Type', 'text/html; charset=utf-8', ...pageFields, ...headers],
    body: page,
  }
}

/** The status that a client gets for an error. 499 has no page: the client has disconnected. */
export function statusOf(error: unknown): number {
  return error instanceof CgiupError && error.status >= 400 && error.status !== 499 ? error.status : 500
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}

export type PageType = 'text/html' | 'application/json' | 'text/plain'
