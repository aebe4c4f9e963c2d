/** What the log of a request says of an error, and of every reply that says there was one. */
import { CgiupError, RequestError, SystemError } from '../../core/errors.js'
import type { Env, Reply } from '../../core/exchange.js'
import { reasonPhrase } from './status.js'

/** With its stack where it is a defect of the app; a fault of the request or the machine needs none. */
export function textOf(error: unknown): string {
  if (error instanceof RequestError) return `${error.message} (${error.code})`
  if (error instanceof SystemError) return `${error.message}\n${error.fix}`
  if (error instanceof CgiupError) return `${error.stack ?? error.message}\n${error.fix}`
  return error instanceof Error ? (error.stack ?? String(error)) : String(error)
}

/** A line about a request, ended by a line feed. Further lines of the text are indented. */
export function logLine(env: Pick<Env, 'get'>, text: string): string {
  // No line breaks of the client's in the log.
  const line = `${env.get('REQUEST_METHOD') ?? '-'} ${pathOf(env)}`.replace(/[^ -~]/g, '?').slice(0, 200)
  return `cgiup: ${line}: ${harmless(text)}\n`
}

/** Without the query, and without a name and password before the host: both may be secrets. */
function pathOf(env: Pick<Env, 'get'>): string {
  const target = env.get('REQUEST_URI') || `${env.get('SCRIPT_NAME') ?? ''}${env.get('PATH_INFO') ?? ''}`
  return target.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*/s, '')
}

/** What clients send comes back in messages of errors: it begins no line, and changes no terminal. */
function harmless(text: string): string {
  return text
    .replace(/[^\P{Cc}\n\t]/gu, (c) =>
      c === '\r' ? '' : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
    )
    .replace(/\n(?=\S)/g, '\n    ')
}

/** Of a reply whose head is out. @param sent bytes of body before the break; null when that is not known */
export function cutOffText(error: unknown, sent: number | null): string {
  return `The reply was cut off${sent === null ? '' : ` after ${sent} bytes of its body`}: ${textOf(error)}`
}

/** What Node's streams say of a request or response that was destroyed; with `aborted`, ECONNRESET does, too. */
const destroyed = /^ERR_STREAM_(PREMATURE_CLOSE|DESTROYED)$/

/**
 * What a handler may well fail with when its client has left: our own error of the request, what
 * `fetch(url, { signal })` and its like make of the signal, what streams make of their end. Everything else is a defect.
 */
export function isAbort(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code = '' } = error as NodeJS.ErrnoException
  const isReset = code === 'ECONNRESET' && error.message === 'aborted'
  return error instanceof RequestError || error.name === 'AbortError' || isReset || destroyed.test(code)
}

export function workFailed(env: Env, error: unknown): string {
  return logLine(env, `work after the reply failed: ${textOf(error)}`)
}

/** Replies whose reason is in the log. */
const explained = new WeakSet<Reply>()

/** The log says already, with method and path, why the answer is this reply. */
export function markExplained<R extends Reply>(reply: R): R {
  explained.add(reply)
  return reply
}

/**
 * What {@link logLine} says of a reply of 500 or above: whoever made it, the log of every gateway has it once.
 * Null for all others, and where {@link markExplained} was called for it.
 */
export function failureText(reply: Reply): string | null {
  if (reply.status < 500 || explained.delete(reply)) return null
  return `answered with ${reply.status} ${reply.reason ?? reasonPhrase(reply.status)}`
}
