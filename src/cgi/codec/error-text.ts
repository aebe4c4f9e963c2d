/** The text that logs show for an error, and for every reply that reports one. */
import { CgiupError, RequestError, SystemError } from '../../core/errors.js'
import type { Env, Reply } from '../../core/exchange.js'
import { reasonPhrase } from './status.js'

/** Includes the stack for bugs in the app; faults of the request or the machine need none. */
export function textOf(error: unknown): string {
  if (error instanceof RequestError) return `${error.message} (${error.code})`
  if (error instanceof SystemError) return `${error.message}\n${error.fix}`
  if (error instanceof CgiupError) return `${error.stack ?? error.message}\n${error.fix}`
  return error instanceof Error ? (error.stack ?? String(error)) : String(error)
}

/** A line about a request, with a line feed at its end. Further lines of the text are indented. */
export function logLine(env: Pick<Env, 'get'>, text: string): string {
  // The client must not be able to insert line breaks into the log.
  const line = `${env.get('REQUEST_METHOD') ?? '-'} ${pathOf(env)}`.replace(/[^ -~]/g, '?').slice(0, 200)
  return `cgiup: ${line}: ${harmless(text)}\n`
}

/** Without the query, and without user name and password before the host: both may be secrets. */
function pathOf(env: Pick<Env, 'get'>): string {
  const target = env.get('REQUEST_URI') || `${env.get('SCRIPT_NAME') ?? ''}${env.get('PATH_INFO') ?? ''}`
  return target.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*/s, '')
}

/** Error messages may quote the client: the text must not begin a line or send terminal escapes. */
function harmless(text: string): string {
  return text
    .replace(/[^\P{Cc}\n\t]/gu, (c) =>
      c === '\r' ? '' : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
    )
    .replace(/\n(?=\S)/g, '\n    ')
}

/** For a reply whose head was sent. @param sent bytes of body before the break; null if unknown */
export function cutOffText(error: unknown, sent: number | null): string {
  return `The reply was cut off${sent === null ? '' : ` after ${sent} bytes of its body`}: ${textOf(error)}`
}

/** Node's errors for a request or response stream that was destroyed; ECONNRESET too, with `aborted`. */
const destroyed = /^ERR_STREAM_(PREMATURE_CLOSE|DESTROYED)$/

/**
 * Whether an error only reflects that the client disconnected: our own error of the request, the abort error
 * of `fetch(url, { signal })` and the like, or the stream error of a closed connection. Any other error is a
 * bug.
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

/** Replies whose cause is already logged. */
const explained = new WeakSet<Reply>()

/** Marks a reply whose cause the log already shows, with method and path. */
export function markExplained<R extends Reply>(reply: R): R {
  explained.add(reply)
  return reply
}

/**
 * The {@link logLine} text for a reply with status 500 or above, so that every gateway logs it once, whoever
 * created it. Null for other replies, and for those marked with {@link markExplained}.
 */
export function failureText(reply: Reply): string | null {
  if (reply.status < 500 || explained.delete(reply)) return null
  return `answered with ${reply.status} ${reply.reason ?? reasonPhrase(reply.status)}`
}
