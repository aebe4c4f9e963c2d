/** When a process has served long enough and makes room for a fresh one. */

export interface RecycleOptions {
  /** Requests after which the process ends. A whole number above 0. Default: no limit. */
  readonly maxRequests?: number
  /**
   * Resident memory (RSS) of the process at which it ends, in bytes; looked at between requests, at most
   * once a second. Default: no limit.
   */
  readonly maxMemory?: number
  /** Time after which the process ends, in milliseconds. Default: no limit. */
  readonly maxAgeMs?: number
}
