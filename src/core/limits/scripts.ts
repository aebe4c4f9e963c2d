/** Limits of scripts that are started for a request: `cgiBin()`, `script()` and `cgiup host`. */
import { bytes, characters, count, type Limit, milliseconds } from './limit.js'

export const placeLimits = {
  /**
   * Scripts that run at the same time; further requests wait. An event stream counts as long as it is open.
   * Default: 4 per processor, at least 8; 0: no limit.
   */
  maxScripts: { standard: undefined, unit: 'count', cli: '--max-scripts' } as Limit<number | undefined>,
  /** Requests that wait for a script to end; further ones get 503 with `Retry-After`. Default 1000. */
  maxQueue: count(1000),
  /**
   * How long a request waits for another script to end, in milliseconds; then the reply is 503 with
   * `Retry-After`. Default 30000; 0: no limit.
   */
  queueTimeoutMs: milliseconds(30_000),
}

export const spoolLimits = {
  /**
   * Largest body that is buffered because it has no length or must wait, in bytes; larger ones get 413.
   * Default 1 GiB.
   */
  maxSpoolBytes: bytes(1 << 30),
  /**
   * How much of a buffered body stays in memory, in bytes; the rest goes to a temporary file. Default 1 MiB.
   */
  spoolMemoryBytes: bytes(1 << 20),
}

export const stderrLimits = {
  /**
   * Longest line of standard error that is passed on complete, in characters; the rest of the line is
   * omitted. Default 4096.
   */
  maxStderrLine: characters(4096),
  /**
   * Maximum number of characters of standard error passed on per request; the rest is omitted. Default
   * 1048576.
   */
  maxStderr: characters(1 << 20),
}

export const scriptLimits = {
  ...spoolLimits,
  ...stderrLimits,
  /**
   * Time from the start of the script, or from its last read of the request body, to the end of its head, in
   * milliseconds; then the reply is 504. Default 60000; 0: no limit.
   */
  headTimeoutMs: milliseconds(60_000, { cli: '--timeout' }),
  /**
   * Longest pause in the output of the body, in milliseconds; then the reply is cut off. Also how long a
   * script may run on if its reply has no body (HEAD). Default 60000; 0: no limit.
   */
  idleTimeoutMs: milliseconds(60_000, { cli: '--timeout' }),
  /**
   * Longest run time of the script, in milliseconds; then the reply is 504, or is cut off. Default 0: no
   * limit.
   */
  totalTimeoutMs: milliseconds(0),
  /**
   * How long the script's pending output may stay unread, in milliseconds; then the script is stopped.
   * Default: the `sendTimeoutMs` of the connection, which ends the script as well; under cgiup/test 120000;
   * under CGI none, because the web server has its own. If set here, it also applies to clients that read
   * slowly or send their whole body first. 0: no limit.
   */
  sendTimeoutMs: { standard: undefined, unit: 'milliseconds' } as Limit<number | undefined>,
  /** Time from SIGTERM to SIGKILL when a script is stopped, in milliseconds. Default 3000; 0: immediately. */
  killGraceMs: milliseconds(3000),
  /**
   * If a script has ended but another process still has its output open: how long that process may write
   * nothing before the reply ends, in milliseconds. Default 2000; 0: immediately.
   */
  lingerMs: milliseconds(2000),
  /** Largest head of a script's output, in bytes; larger ones get 502. Default 64 KiB. */
  maxHeadBytes: bytes(64 * 1024),
}
