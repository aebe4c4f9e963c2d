import { RequestError } from '../core/errors.js'
import type { FormLimits } from './limits.js'

/**
 * A rejected form: status 413 with the name of the limit, 400 for a malformed form, 415 for another content
 * type.
 */
export class FormError extends RequestError {
  /** The limit that was exceeded; undefined for other errors. */
  readonly limit: keyof FormLimits | undefined

  constructor(
    code: 'FORM_LIMIT' | 'FORM_MALFORMED' | 'FORM_TYPE',
    detail: string,
    options?: ErrorOptions & { limit?: keyof FormLimits },
  ) {
    super(code, detail, options)
    this.limit = options?.limit
  }

  /**
   * A plain Response with the message and the error's status. Hono calls this for errors that the app does
   * not catch.
   */
  getResponse(): Response {
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }
    return new Response(`${this.message}\n`, { status: this.status, headers })
  }
}

/** The error for an exceeded limit; `what` is too large or too many. */
export function crossed(limit: keyof FormLimits, limits: Readonly<FormLimits>, what: string): FormError {
  const unit = ['fields', 'files', 'parts', 'headerPairs'].includes(limit) ? '' : ' bytes'
  return new FormError('FORM_LIMIT', `${what}: the limit ${limit} is ${limits[limit]}${unit}.`, { limit })
}

export function malformed(detail: string, cause?: unknown): FormError {
  return new FormError('FORM_MALFORMED', detail, cause === undefined ? undefined : { cause })
}
