/** What the log of a request says of an error, and of every reply that says there was one. */
import { CgiupError, RequestError, SystemError } from '../errors.js'
import type { Env, Reply } from '../exchange.js'
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
export function harmless(text: string): string {
  return text
    .replace(/[^\P{Cc}\n\t]/gu, (c) =>
      c === '\r' ? '' : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
    )
    .replace(/\n(?=\S)/g, '\n    ')
}

export function workFailed(env: Env, error: unknown): string {
  return logLine(env, `work after the reply failed: ${textOf(error)}`)
}

/** Replies whose reason is in the log. */
const explained = new WeakSet<Reply>()

/** The log says already, with method and path, why the answer is this reply. */
export function explain<R extends Reply>(reply: R): R {
  explained.add(reply)
  return reply
}

/**
 * What {@link logLine} says of a reply of 500 or above: whoever made it, the log of every gateway has it once.
 * Null for all others, and where {@link explain} was called for it.
 */
export function failureText(reply: Reply): string | null {
  if (reply.status < 500 || explained.delete(reply)) return null
  return `answered with ${reply.status} ${reply.reason ?? reasonPhrase(reply.status)}`
}
