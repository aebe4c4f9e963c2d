/** Limits of a CGI script that is an app: `run(app, { cgi })`. The first five also apply to `runCgi()`. */
import { bytes, milliseconds, none } from './limit.js'

export const stdinLimits = {
  /**
   * Largest request body, in bytes; reading a larger one fails with `REQUEST_TOO_LARGE` (413). Default: none for
   * a body that is read in chunks, 64 MiB for `text()`, `json()` and the like, which hold it in memory.
   */
  maxBodyBytes: bytes(none),
  /**
   * Request body read ahead into memory while the reply cannot be written, in bytes; the rest goes to a
   * temporary file. Default 1 MiB.
   */
  readAheadBytes: bytes(1 << 20),
  /**
   * Maximum size of the temporary file for a request body that was read ahead, in bytes; beyond it reading
   * fails with `REQUEST_SPOOL_FULL`. Default 1 GiB.
   */
  spoolBytes: bytes(1 << 30),
  /**
   * How much of the request body is read and discarded after the reply, in bytes; more stays unread. Default
   * 256 MiB.
   */
  drainBytes: bytes(256 << 20),
  /**
   * How long to wait for the rest of the request body after the reply, in milliseconds; then it stays unread.
   * Default 30000.
   */
  drainMs: milliseconds(30_000),
}

export const cgiLimits = {
  ...stdinLimits,
  /**
   * After SIGTERM the signal of the exchange aborts; the process ends this much later, in milliseconds,
   * whatever the app does. Default 2000: Apache kills after 3000.
   */
  terminateMs: milliseconds(2000),
  /**
   * After `process.exit()` the rest of the reply is sent as long as the app's body yields each chunk within
   * this time, in milliseconds; then the body is cut off. Default 50.
   */
  exitIdleMs: milliseconds(50),
  /**
   * After the reply, how long pending writes to files and pipes (log lines) may keep the process alive, in
   * milliseconds. If a thread is still blocked in one, the process ends by SIGTERM. Callbacks that were
   * already scheduled always run. Default 2000.
   */
  settleMs: milliseconds(2000),
  /**
   * How long `waitUntil` work may keep the process alive after the reply, in milliseconds; then it is
   * abandoned, with exit code 1. Default 30000.
   */
  waitUntilMs: milliseconds(30_000),
}
