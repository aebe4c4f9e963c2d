/** Limits of forms: `form(request, { … })`. Crossing one is a `FormError` with status 413 that names it. */
import { bytes, count } from './limit.js'

export const formLimits = {
  /** Fields that are not files. Default 1000. */
  fields: count(1000),
  /** Files; empty file controls do not count. Default 20. */
  files: count(20),
  /** Parts of a multipart form, fields and files together. Default 1000. */
  parts: count(1000),
  /** The name of one field or file control, in bytes of UTF-8. Default 256. */
  fieldNameSize: bytes(256),
  /** The value of one field, in bytes. Default 1 MiB. */
  fieldSize: bytes(1 << 20),
  /** Names and values of all fields together, which are held in memory, in bytes. Default 8 MiB. */
  fieldsSize: bytes(8 << 20),
  /** One file, in bytes. Default 16 MiB. */
  fileSize: bytes(16 << 20),
  /** All files together, where they are held in memory (`store: 'memory'`), in bytes. Default 32 MiB. */
  memorySize: bytes(32 << 20),
  /** The whole request body as it is sent, in bytes; its Content-Length is checked before anything is read. Default 64 MiB. */
  totalSize: bytes(64 << 20),
  /** Header fields of one part. Default 32. */
  headerPairs: count(32),
  /** The head of one part, in bytes; more than 16 KiB counts as 16 KiB, the parser's own bound. Default 8 KiB. */
  headerSize: bytes(8 * 1024),
}
