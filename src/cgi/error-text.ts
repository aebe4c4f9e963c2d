/** What the log of a request says of an error. */
import { CgiupError, RequestError } from '../errors.js'
import type { Env } from '../exchange.js'

/** With its stack where it is a defect of the app; a request's fault needs none. */
export function textOf(error: unknown): string {
  if (error instanceof RequestError) return `${error.message} (${error.code})`
  if (error instanceof CgiupError) return `${error.stack ?? error.message}\n${error.fix}`
  return error instanceof Error ? (error.stack ?? String(error)) : String(error)
}

/** A line about a request, ended by a line feed. */
export function logLine(env: Env, text: string): string {
  const target = env.get('REQUEST_URI') ?? `${env.get('SCRIPT_NAME') ?? ''}${env.get('PATH_INFO') ?? ''}`
  // No line breaks of the client's in the log.
  const line = `${env.get('REQUEST_METHOD') ?? '-'} ${target}`.replace(/[^ -~]/g, '?').slice(0, 200)
  return `cgiup: ${line}: ${text}\n`
}
