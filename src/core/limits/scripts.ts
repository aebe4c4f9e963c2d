/** Limits of scripts that are started for a request: `cgiBin()`, `script()` and `cgiup host`. */
import { bytes, characters, count, type Limit, milliseconds } from './limit.js'

export const placeLimits = {
  /**
   * Scripts that run at the same time; further requests wait. An event stream holds its place for as long as it
   * is open. Default: 4 for each processor, at least 8; 0: no limit.
   */
  maxScripts: { standard: undefined, unit: 'count', cli: '--max-scripts' } as Limit<number | undefined>,
  /** Requests that wait for a place; further ones get 503 with `Retry-After`. Default 1000. */
  maxQueue: count(1000),
  /** How long a request waits for a place, in milliseconds; then 503 with `Retry-After`. Default 30000; 0: no limit. */
  queueTimeoutMs: milliseconds(30_000),
}

export const spoolLimits = {
  /** Largest body that is kept because it has no length or has to wait, in bytes; beyond it 413. Default 1 GiB. */
  maxSpoolBytes: bytes(1 << 30),
  /** How much of it stays in memory, in bytes; the rest is in a temporary file. Default 1 MiB. */
  spoolMemoryBytes: bytes(1 << 20),
}

export const stderrLimits = {
  /** Longest line of standard error that is passed on whole, in characters; the rest of it is left out. Default 4096. */
  maxStderrLine: characters(4096),
  /** Most that is passed on of one request's standard error, in characters; the rest is left out. Default 1048576. */
  maxStderr: characters(1 << 20),
}

export const scriptLimits = {
  ...spoolLimits,
  ...stderrLimits,
  /**
   * From the start, or the last piece of the request body the script took, to the end of its head, in
   * milliseconds; then 504. Default 60000; 0: no limit.
   */
  headTimeoutMs: milliseconds(60_000, { cli: '--timeout' }),
  /**
   * Longest time without output within the body, in milliseconds; then the reply is cut. Also how long a script may go on
   * whose reply has no body (HEAD). Default 60000; 0: no limit.
   */
  idleTimeoutMs: milliseconds(60_000, { cli: '--timeout' }),
  /** Longest run of the script, in milliseconds; then 504, or the reply is cut. Default 0: no limit. */
  totalTimeoutMs: milliseconds(0),
  /**
   * Time in which nobody reads the script's pending output, in milliseconds; then the script is stopped. Default: the `sendTimeoutMs` of the connection, which ends the script as well; under cgiup/test
   * 120000; under CGI none, as the web server has one. If set here, it also applies to slow clients
   * and to those that send a whole body first. 0: no limit.
   */
  sendTimeoutMs: { standard: undefined, unit: 'milliseconds' } as Limit<number | undefined>,
  /** From SIGTERM to SIGKILL when a script is stopped, in milliseconds. Default 3000; 0: at once. */
  killGraceMs: milliseconds(3000),
  /**
   * A script that has ended but left its output open in another process: how long it may write nothing before that
   * is taken for the end, in milliseconds. Default 2000; 0: at once.
   */
  lingerMs: milliseconds(2000),
  /** Largest head of a script's output, in bytes; beyond it 502. Default 64 KiB. */
  maxHeadBytes: bytes(64 * 1024),
}
