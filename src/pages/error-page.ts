/** The reply for an error: details in development, only the status in production. */

import { pageFields } from '../cgi/codec/page-fields.js'
import { reasonPhrase } from '../cgi/codec/status.js'
import { CgiupError, RequestError } from '../core/errors.js'
import type { Exchange, Reply } from '../core/exchange.js'
import { onDemand } from '../core/load-ahead.js'
import type { PageType } from './page.js'

const developmentPages = onDemand(() => import('./development-page.js'))

export interface ErrorPageOptions {
  /** Show details. Never enable this on a public server. Default false. */
  readonly development?: boolean
}

/**
 * The page for an error: HTML, JSON or text, as the client asked in `Accept`. The status is that of a cgiup
 * error (413 for an upload that is too large), 500 for all others.
 */
export async function errorReply(
  error: unknown,
  exchange: Exchange,
  options: ErrorPageOptions = {},
): Promise<Reply> {
  const status = statusOf(error)
  const type = wanted(exchange.env.get('HTTP_ACCEPT') ?? '')
  let body: string
  if (options.development) {
    const { developmentPage } = await developmentPages()
    body = developmentPage(error, exchange, status, type)
  } else {
    body = plainPage(error, status, type)
  }
  const headers = ['Content-Type', `${type}; charset=utf-8`, ...pageFields]
  if (status === 503) headers.push('Retry-After', '5')
  return { status, headers, body }
}

function statusOf(error: unknown): number {
  // 499 is only for logs: the client has disconnected.
  return error instanceof CgiupError && error.status !== 499 ? error.status : 500
}

/** The first supported type that the client names; quality values are ignored. */
function wanted(accept: string): PageType {
  const places = (['text/html', 'application/json', 'text/plain'] as const)
    .map((type) => ({ type, at: accept.toLowerCase().indexOf(type) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at)
  return places[0]?.type ?? 'text/plain'
}

function textFor(error: unknown, status: number): string {
  if (!(error instanceof RequestError) || status === 503)
    return 'The server could not answer this request. The reason is in its log.'
  if (status === 401 || status === 403) return 'Access to this page is denied.'
  if (status === 404) return 'There is no page at this URL.'
  return 'The request is not valid.'
}

/** The page in production: the status, and for client errors its meaning. */
function plainPage(error: unknown, status: number, type: PageType): string {
  const title = `${status} ${reasonPhrase(status)}`
  const text = textFor(error, status)
  if (type === 'application/json') return `${JSON.stringify({ error: { status, message: text } })}\n`
  if (type === 'text/plain') return `${title}\n\n${text}\n`
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>
<body><h1>${title}</h1><p>${text}</p></body></html>
`
}
