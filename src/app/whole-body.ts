/** How much of a request body the methods take that hold all of it in memory: text(), json() and the like. */
import { RequestError } from '../core/errors.js'
import type { Exchange } from '../core/exchange.js'

/** Bytes, where the option maxBodyBytes says nothing. A body that is read in pieces has no such limit. */
const defaultMaxBytes = 64 * 1024 * 1024

export const wholeBodyLimit = ({ maxBodyBytes }: Pick<Exchange, 'maxBodyBytes'>): number =>
  maxBodyBytes ?? defaultMaxBytes

/** @param length of the body, where it was announced */
export function wholeBodyTooLarge(length: number | null, max: number): RequestError {
  const size = length === null ? 'The request body' : `The request body of ${length} bytes`
  return new RequestError(
    'REQUEST_TOO_LARGE',
    `${size} exceeds the limit maxBodyBytes (${max}) for text(), json() and other methods that hold the body in memory; read request.body in chunks instead.`,
  )
}
