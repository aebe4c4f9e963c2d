/** The options of `run()`, and its result. */
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
  /**
   * Which server to run as. Default `auto`: detected from how the process was started. CGIUP_SERVER overrides
   * it.
   */
  server?: ServerName
  /** Address to listen on. Default `127.0.0.1`: only this machine can connect. */
  host?: string
  /** TCP port; 0 takes any free one. Default 8080 (HTTP), 9000 (FastCGI), 4000 (SCGI). */
  port?: number
  /**
   * Where to listen, as one string: `host:port`, `:port`, `[::1]:port`, `unix:/path` or `/path`. Overrides
   * `host` and `port`.
   */
  listen?: string
  /**
   * Show errors with stack, environment and output. True: to every client, so never use it on a public
   * server. False: to nobody. Default: over HTTP, unless NODE_ENV is `production`, to requests from this
   * machine that no proxy sent; behind a gateway (CGI, FastCGI, SCGI) only when NODE_ENV is `development`.
   */
  development?: boolean
  /** Makes the reply when the app fails. Default: the error page. */
  onError?: (error: unknown, exchange: Exchange) => Reply | Promise<Reply>
  /**
   * Switches repairs of the environment off, by name: `{ 'nginx-host-port': false }` (docs/environment.md).
   * Applies to the whole process; repairs disabled by CGIUP_REPAIRS stay off. Default: all are on.
   */
  repairs?: Readonly<Partial<Record<OptionalRepair, boolean>>>
  /** CGI: limits of the script (docs/cgi-script.md). */
  cgi?: CgiOptions
  /** No banner and no access log. Default false. */
  quiet?: boolean
  /**
   * Over TCP: addresses and networks that may connect, such as `10.0.0.0/8`. Default: all. FastCGI and SCGI
   * also obey FCGI_WEB_SERVER_ADDRS.
   */
  allow?: readonly string[]
  /**
   * HTTP in development, over TCP: host names that the server answers to, besides localhost, names below it,
   * addresses, this machine's name and the listening address: `app.example`, `*.example` (all names below
   * it), `*` for all. Requests for other hosts get 421, so that no web site can read the server by pointing
   * its own name at this machine (DNS rebinding). The variable CGIUP_ALLOWED_HOSTS adds to them.
   */
  allowedHosts?: readonly string[]
  /**
   * Limits of requests and connections. docs/limits.md lists their defaults and which of them apply over
   * HTTP; CGI obeys only `maxBodyBytes`.
   */
  limits?: Omit<ServiceOptions, 'multiprocess' | 'onError' | 'stderr' | 'logErrors'>
  /**
   * FastCGI: the app for requests in the role Authorizer (docs/fastcgi.md). Default: the same app, which
   * finds the role in `context.gateway` (Node apps: `req.socket.gateway`).
   */
  authorizer?: App
  /** FastCGI: the app for requests in the role Filter. Default: the same app. */
  filter?: App
  /**
   * How long running requests may take to finish after the signal, in milliseconds. HTTP in development
   * always uses 5 seconds. Default 7000 under Apache mod_fcgid, which sends SIGKILL about 8 s after its
   * SIGTERM, else 30000.
   */
  graceMs?: number
  /**
   * Number of processes that share the socket and serve the app, 0 to 1024 (docs/workers.md); `auto` is one
   * per processor. Default 0: this process serves the app itself; 1 with `recycle`.
   */
  workers?: number | 'auto'
  /**
   * When to recycle a process: `maxRequests`, `maxMemory` (bytes of RSS), `maxAgeMs`. It finishes its running
   * requests first. Implies one worker if `workers` is not set. Default: never.
   */
  recycle?: RecycleOptions
  /**
   * Restart when the app's file changes, or `tmp/restart.txt` beside it: the process finishes and ends, and a
   * new one starts with the new code (docs/process.md). Not for CGI. Default: in development, if something
   * starts the new process: Apache mod_fcgid, lighttpd, or workers.
   */
  restartOnChange?: boolean
  /** Mode of the Unix socket. Default 0o660. */
  socketMode?: number
  /** Group of the Unix socket, by name or number; this user must be a member. Default: the process's own. */
  socketGroup?: string | number
}

/** The result of `run()`, once the app is being served (HTTP) or its one request is answered (CGI). */
export interface Running {
  readonly server: DetectedServer
  /** One line: why this server was chosen. */
  readonly why: string
  /** With the option `workers`: whether this process is the primary or a worker. */
  readonly role?: 'primary' | 'worker'
  /** `http://127.0.0.1:8080`, `fcgi://127.0.0.1:9000`, `scgi://127.0.0.1:4000` or `unix:/run/app.sock`. */
  readonly url?: string
  /** Address and port, or the path of the socket. */
  readonly address?: AddressInfo | string
  /** Stops serving and waits for running requests. Does nothing for CGI. */
  close(): Promise<void>
}
