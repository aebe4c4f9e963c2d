/** Limits of requests and connections: FastCGI, SCGI and HTTP. */
import { bytes, count, type Limit, milliseconds, none } from './limit.js'

/** Limits that FastCGI, SCGI and HTTP have in common. */
const everywhere = {
  /** Concurrent requests; further ones get 503 with `Retry-After`. Default 1000. */
  maxRequests: count(1000, { least: 1 }),
  /**
   * Open connections; HTTP connections are counted separately. At the limit, idle connections are closed to
   * make room (docs/fastcgi.md); if none is idle, requests on further ones get 503. Default 1000.
   */
  maxConnections: count(1000, { least: 1 }),
  /**
   * Largest request body, in bytes; reading a larger one fails with `REQUEST_TOO_LARGE` (413). Default: none for a
   * body that is read in chunks, 64 MiB for `text()`, `json()` and the like, which hold it in memory.
   */
  maxBodyBytes: bytes(none),
  /**
   * Time for the whole request body to arrive, in milliseconds; then reading it fails with
   * `REQUEST_BODY_TIMEOUT` (408). Default 600000; 0: no limit.
   */
  bodyTimeoutMs: milliseconds(600_000),
  /**
   * How long the peer may read none of its pending replies, in milliseconds; then the connection is closed
   * and the signal aborts. A peer that reads slowly is not affected. Default 120000; 0: no limit.
   */
  sendTimeoutMs: milliseconds(120_000),
}

/** FastCGI and SCGI: `run(app, { limits })`. HTTP uses those that are also in {@link httpLimits}. */
export const requestLimits = {
  /** Total bytes of the parameters of one request; larger ones get 431. Default 1 MiB. */
  maxParamsBytes: bytes(1 << 20),
  /** Number of parameters of one request; more get 431. Default 1000. */
  maxParams: count(1000),
  ...everywhere,
  /**
   * Bytes of a body buffered in memory for an app that does not read; then reading from the connection
   * pauses, or the rest goes to a temporary file. Default 256 KiB.
   */
  maxUnreadBytes: bytes(256 * 1024),
  /** Size of the temporary file for such a body, in bytes; then reading from the connection pauses. Default 1 GiB. */
  maxSpoolBytes: bytes(1 << 30),
  /**
   * How much of an unwanted body, or of parameters over their limits, is read and discarded so that the reply
   * arrives, in bytes; then the connection is closed. Default 64 MiB.
   */
  maxDiscardBytes: bytes(64 << 20),
  /** Time for the rest of an unwanted body to arrive, in milliseconds; then the connection is closed. Default 10000; 0: no limit. */
  discardTimeoutMs: milliseconds(10_000),
  /**
   * Bytes of replies buffered for a FastCGI peer that does not read; then cgiup stops reading from it.
   * Default 1 MiB.
   */
  maxBacklogBytes: bytes(1 << 20),
  /**
   * Concurrent requests on one connection; more get 503, and twice as many close the connection. Default 100.
   */
  maxRequestsPerConnection: count(100, { least: 1 }),
  /**
   * Whether one connection may carry several concurrent requests; if false, further ones get
   * `FCGI_CANT_MPX_CONN`. Default true.
   */
  multiplex: { standard: true, unit: 'switch' } as Limit<boolean>,
  /**
   * How long a connection without requests may be idle, in milliseconds; then it is closed. Default 300000;
   * 0: no limit.
   */
  idleTimeoutMs: milliseconds(300_000),
  /**
   * Time from the first byte of a request to the end of its parameters, in milliseconds; then the connection is
   * closed. Default 30000; 0: no limit.
   */
  paramsTimeoutMs: milliseconds(30_000),
  /**
   * Time for one whole request, in milliseconds; then the reply is 503 and the signal aborts. Default 0: no
   * limit.
   */
  requestTimeoutMs: milliseconds(0),
}

/** HTTP: `serve(handler, { … })`, and `run(app, { limits })` for the names that both tables have. */
export const httpLimits = {
  ...everywhere,
  /**
   * How much of an unwanted body is read and discarded so that the reply arrives and the connection can be
   * kept open, in bytes; then it is closed. Default 16 MiB.
   */
  maxDiscardBytes: bytes(16 << 20),
  /** Time for the rest of an unwanted body to arrive, in milliseconds; then the connection is closed. Default 5000; 0: no limit. */
  discardTimeoutMs: milliseconds(5000),
  /** Largest request head, in bytes; larger ones get 431. Default 64 KiB. */
  maxHeaderBytes: bytes(64 * 1024, { whole: true }),
  /** Number of header fields of a request; more get 431. Default 200. */
  maxHeaders: count(200),
  /**
   * Time for the request head to arrive, in milliseconds; then the reply is 408. Default 30000; 0: no limit.
   */
  headersTimeoutMs: milliseconds(30_000, { whole: true }),
  /** How long an idle connection is kept open, in milliseconds. Default 5000; 0: no limit. */
  keepAliveTimeoutMs: milliseconds(5000, { whole: true }),
}
