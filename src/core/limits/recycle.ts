/** When a process is recycled: `run(app, { recycle })` and the command line. */
import { bytes, count, milliseconds, none } from './limit.js'

export const recycleLimits = {
  /** Number of requests after which the process ends. Default: no limit. */
  maxRequests: count(none, { least: 1, whole: true, cli: '--max-requests' }),
  /**
   * Resident memory (RSS) at which the process ends, in bytes; checked once a second. At least 16 MiB,
   * because every Node process uses more: a smaller number was probably meant in another unit. Default: no
   * limit.
   */
  maxMemory: bytes(none, { least: 16 << 20, whole: true, cli: '--max-memory' }),
  /** Time after which the process ends, in milliseconds. Default: no limit. */
  maxAgeMs: milliseconds(none, { least: 1, whole: true, cli: '--max-age' }),
}
