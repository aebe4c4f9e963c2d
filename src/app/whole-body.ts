/** The limit for methods that read a whole request body into memory: text(), json() and the like. */
import { RequestError } from '../core/errors.js'
import type { Exchange } from '../core/exchange.js'

/** Limit in bytes without the option maxBodyBytes. A body that is read as a stream has no such limit. */
const defaultMaxBytes = 64 * 1024 * 1024

export const wholeBodyLimit = ({ maxBodyBytes }: Pick<Exchange, 'maxBodyBytes'>): number =>
  maxBodyBytes ?? defaultMaxBytes

/** @param length announced length of the body, if any */
export function wholeBodyTooLarge(length: number | null, max: number): RequestError {
  const size = length === null ? 'The request body' : `The request body of ${length} bytes`
  return new RequestError(
    'REQUEST_TOO_LARGE',
    `${size} exceeds the limit maxBodyBytes (${max}) for text(), json() and other methods that hold the body in memory; read request.body in chunks instead.`,
  )
}
