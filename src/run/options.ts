/** The options of `run()`, and what it gives. */
import type { AddressInfo } from 'node:net'
import type { App, AppOptions } from '../app/types.js'
import type { ChildOptions } from '../cgi/child/child.js'
import type { Exchange, Reply } from '../core/exchange.js'
import type { OptionalRepair } from '../env/repairs.js'
import type { RecycleOptions } from '../process/recycle.js'
import type { ServiceOptions } from '../serve/limits.js'
import type { DetectedServer, ServerName } from './detect.js'

/** Limits of a CGI script; docs/cgi-script.md has their defaults. */
export type CgiOptions = Omit<ChildOptions, 'onError'>

export interface RunOptions extends AppOptions {
  /** Which server to run as. Default `auto`: what started the process. CGIUP_SERVER overrides it. */
  server?: ServerName
  /** Address to listen on. Default `127.0.0.1`: only this machine can connect. */
  host?: string
  /** TCP port; 0 takes any free one. Default 8080 (HTTP), 9000 (FastCGI), 4000 (SCGI). */
  port?: number
  /**
   * Where to listen, in one word: `host:port`, `:port`, `[::1]:port`, `unix:/path` or `/path`.
   * Overrides `host` and `port`.
   */
  listen?: string
  /**
   * Errors are shown with stack, environment and output. True: to everybody who can connect, so never where
   * strangers can come. False: to nobody. Default: over HTTP, unless NODE_ENV is `production`, to requests
   * from this machine that no proxy sent; behind a gateway (CGI, FastCGI, SCGI) only when NODE_ENV is
   * `development`.
   */
  development?: boolean
  /** Makes the reply for an error of the app. Default: the error page. */
  onError?: (error: unknown, exchange: Exchange) => Reply | Promise<Reply>
  /**
   * Switches repairs of the environment off, by name: `{ 'nginx-host-port': false }` (docs/environment.md). Holds
   * for the whole process; those of CGIUP_REPAIRS are off in any case. Default: all are on.
   */
  repairs?: Readonly<Partial<Record<OptionalRepair, boolean>>>
  /** CGI: limits of the script (docs/cgi-script.md). */
  cgi?: CgiOptions
  /** No banner and no access log. Default false. */
  quiet?: boolean
  /**
   * Over TCP: addresses and networks that may connect, such as `10.0.0.0/8`. Default: all that can reach the
   * socket. FastCGI and SCGI obey FCGI_WEB_SERVER_ADDRS as well.
   */
  allow?: readonly string[]
  /**
   * HTTP in development, over TCP: names by which it may be asked for, besides localhost, names below it,
   * addresses, this machine's name and the one it listens on: `app.example`, `*.example` (all names below it),
   * `*` for all. Requests for others get 421, so that no web site can read the server by giving itself this
   * machine's address. The variable CGIUP_ALLOWED_HOSTS adds to them.
   */
  allowedHosts?: readonly string[]
  /**
   * Limits of requests and connections. docs/limits.md has their defaults, and says which of them hold over
   * HTTP, too; CGI obeys `maxBodyBytes` alone.
   */
  limits?: Omit<ServiceOptions, 'multiprocess' | 'onError' | 'stderr' | 'logErrors'>
  /**
   * FastCGI: the app that answers requests in the role Authorizer (docs/fastcgi.md). Default: the same app,
   * which finds the role in `context.gateway` (Node apps: `req.socket.gateway`).
   */
  authorizer?: App
  /** FastCGI: the app that answers requests in the role Filter. Default: the same app. */
  filter?: App
  /**
   * How long running requests may take after the signal to end, in milliseconds; not for HTTP in
   * development, where it is 5 seconds.
   * Default 7000 under Apache mod_fcgid, which sends SIGKILL about 8 s after its SIGTERM, else 30000.
   */
  graceMs?: number
  /**
   * Processes that share the socket and serve the app, 0 to 1024 (docs/workers.md); `auto` is one for each
   * processor. Default 0: this process serves it itself; but 1 with `recycle`.
   */
  workers?: number | 'auto'
  /**
   * When a process is recycled: `maxRequests`, `maxMemory` (bytes of RSS), `maxAgeMs`. It
   * finishes what it has begun. Means one worker where `workers` is not set. Default: never.
   */
  recycle?: RecycleOptions
  /**
   * Not for CGI: a change of the app's file, or of `tmp/restart.txt` beside it, makes the process
   * finish and end, so that a fresh one is started with the new code (docs/process.md). Default: in
   * development, where something starts the fresh one: Apache mod_fcgid, lighttpd, or workers.
   */
  restartOnChange?: boolean
  /** Mode of the Unix socket that is listened on. Default 0o660. */
  socketMode?: number
  /** Group of that Unix socket, by name or number; this user has to be in it. Default: its own. */
  socketGroup?: string | number
}

/** What `run()` gives once the app is being served (HTTP) or its one request is answered (CGI). */
export interface Running {
  readonly server: DetectedServer
  /** One line: what decided for this server. */
  readonly why: string
  /** With the option `workers`: whether this process manages the workers, or is one of them. */
  readonly role?: 'primary' | 'worker'
  /** `http://127.0.0.1:8080`, `fcgi://127.0.0.1:9000`, `scgi://127.0.0.1:4000` or `unix:/run/app.sock`. */
  readonly url?: string
  /** The port that was taken, or the path of the socket. */
  readonly address?: AddressInfo | string
  /** Stops serving; requests that run may end first. Does nothing for CGI. */
  close(): Promise<void>
}
