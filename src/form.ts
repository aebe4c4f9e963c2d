/**
 * `cgiup/form`: reads the fields and files of an HTML form from a fetch Request, a Node request or an
 * Exchange, under every server, with limits.
 *
 * @module
 */

export type { FormField, FormFile } from './form/data.js'
export { Form } from './form/data.js'
export { FormError } from './form/error.js'
export { defaultLimits, type FormLimits, type FormOptions } from './form/limits.js'
export { form } from './form/read.js'
export type { NodeRequestLike, RequestLike } from './form/source.js'
export type { FileHandler, IncomingFile } from './form/types.js'
