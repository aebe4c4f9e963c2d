/** Limits of forms: `form(request, { … })`. Exceeding one is a `FormError` with status 413 that names it. */
import { bytes, count } from './limit.js'

export const formLimits = {
  /** Number of fields that are not files. Default 1000. */
  fields: count(1000),
  /** Number of files; empty file inputs do not count. Default 20. */
  files: count(20),
  /** Parts of a multipart form, fields and files together. Default 1000. */
  parts: count(1000),
  /** Name of one field or file input, in bytes of UTF-8. Default 256. */
  fieldNameSize: bytes(256),
  /** Value of one field, in bytes. Default 1 MiB. */
  fieldSize: bytes(1 << 20),
  /** Names and values of all fields together, which are held in memory, in bytes. Default 8 MiB. */
  fieldsSize: bytes(8 << 20),
  /** Size of one file, in bytes. Default 16 MiB. */
  fileSize: bytes(16 << 20),
  /** Size of all files together if they are held in memory (`store: 'memory'`), in bytes. Default 32 MiB. */
  memorySize: bytes(32 << 20),
  /**
   * The whole request body as sent, in bytes; its Content-Length is checked before anything is read. Default
   * 64 MiB.
   */
  totalSize: bytes(64 << 20),
  /** Number of header fields of one part. Default 32. */
  headerPairs: count(32),
  /** Header of one part, in bytes. The parser's own limit is 16 KiB, even if this is larger. Default 8 KiB. */
  headerSize: bytes(8 * 1024),
}
