/** `run(app)`: joins an app with the server that fits the way this process was started. */
import type { AddressInfo } from 'node:net'
import type { App, AppOptions } from './app/handler.js'
import type { ChildOptions } from './cgi/child.js'
import type { RecycleOptions } from './daemon/recycle.js'
import {
  type Detected,
  type DetectedServer,
  detect,
  isBehindGateway,
  type ServerName,
  stdinKind,
} from './detect.js'
import { isDevelopment, showsDevelopment } from './development.js'
import { CgiupError } from './errors.js'
import type { Exchange, Handler, Reply } from './exchange.js'
import { onDemand } from './load-ahead.js'
import { defaultToProduction, sayLate } from './node-env.js'
import type { ServiceOptions } from './server/limits.js'

/** Limits of a CGI script; docs/cgi-script.md has their defaults. */
export type CgiOptions = Omit<ChildOptions, 'onError'>

export interface RunOptions extends AppOptions {
  /** Which server to be. Default `auto`: what started the process. CGIUP_SERVER goes before it. */
  server?: ServerName
  /** Address to listen on. Default `127.0.0.1`: only this machine can connect. */
  host?: string
  /** TCP port; 0 takes any free one. Default 8080 (HTTP), 9000 (FastCGI), 4000 (SCGI). */
  port?: number
  /**
   * Where to listen, in one word: `host:port`, `:port`, `[::1]:port`, `unix:/path` or `/path`.
   * Goes before `host` and `port`.
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

/** What a program that loads apps (the command `cgiup APP`) knows, shared by all copies of this module. */
export interface Launch {
  /** The app's file, as it was named. */
  file?: string
  /** Go before the options in the app's own call. */
  options: RunOptions
  /** Set by `run()`: what the app file, or the launching program, got from it. */
  running?: Promise<Running>
}

const launchKey = Symbol.for('cgiup.launch')

/** The launch under way, or undefined where a program was started without one. */
export function currentLaunch(): Launch | undefined {
  return (globalThis as { [launchKey]?: Launch })[launchKey]
}

/** Tells later calls of `run()`, in whatever copy of the package, where they are started from. */
export function beginLaunch(options: RunOptions, file?: string): Launch {
  const launch: Launch = { options, ...(file !== undefined && { file }) }
  ;(globalThis as { [launchKey]?: Launch })[launchKey] = launch
  return launch
}

/**
 * Serves an app: as a CGI script when a web server started this process, else as an HTTP server for
 * development.
 *
 * A failure (a port that is taken, an app that is none) rejects the promise. When nobody waits for
 * it, the failure is printed in two lines and the process exits with 1.
 *
 * @throws UsageError SERVER_UNKNOWN, ADDRESS_INVALID, LISTEN_TAKEN, LISTEN_FAILED, USAGE
 * @throws AppError APP_SHAPE (HTTP; under CGI the reply is then a 500 page)
 */
export function run(app: App, options: RunOptions = {}): Promise<Running> {
  const launch = currentLaunch()
  const running = start(app, { ...options, ...launch?.options })
  if (launch) launch.running = running
  return new Watched(running, launch !== undefined)
}

/** A promise whose failure is told to the person at the terminal when no program takes it. */
class Watched extends Promise<Running> {
  #taken: boolean

  /** @param taken somebody waits for the work itself */
  constructor(work: Promise<Running>, taken: boolean) {
    super((resolve, reject) => void work.then(resolve, reject))
    this.#taken = taken
    super.then(undefined, (error) => setImmediate(() => this.#fail(error)))
  }

  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  // `await` of a subclass calls this too.
  // biome-ignore lint/suspicious/noThenProperty: seeing whether somebody waits is what it is for
  override then<A = Running, B = never>(
    done?: ((value: Running) => A | PromiseLike<A>) | null,
    failed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#taken = true
    return super.then(done, failed)
  }

  #fail(error: unknown): void {
    if (this.#taken) return
    process.stderr.write(`${failureText(error)}\n`)
    process.exit(1)
  }
}

/** A failure for the terminal: what was seen and what to do; a stack only where it is a defect. */
export function failureText(error: unknown): string {
  if (error instanceof CgiupError) return `cgiup: ${error.message}\n       ${error.fix}`
  return error instanceof Error ? (error.stack ?? String(error)) : String(error)
}

async function start(app: App, options: RunOptions): Promise<Running> {
  const found = detect({ env: process.env, server: options.server, stdin: stdinKind, pid: process.pid })
  if (isBehindGateway(found) && defaultToProduction(options.development)) sayLate(found.server)
  if (found.server === 'cgi') return startCgi(app, options, found)
  if (await needsWorkers(options, found)) {
    const { startWorkers } = await import('./run-workers.js')
    return startWorkers(options, found)
  }
  if (
    found.server === 'http' &&
    found.sockets === undefined &&
    // On a laptop a server ends at once, without thought for those who are on their way to it.
    isDevelopment('http', options.development) &&
    !(await isWorker())
  ) {
    const { startHttp } = await import('./run-http.js')
    return startHttp(app, options, found)
  }
  const { startDaemon } = await import('./run-daemon.js')
  return startDaemon(app, options, found)
}

/** This process is to manage worker processes that serve. Loads nothing where that cannot be. */
export async function needsWorkers(options: RunOptions, found: Detected): Promise<boolean> {
  const { workers, recycle, restartOnChange, development } = options
  if (!workers && !recycle && !(restartOnChange ?? isDevelopment('fastcgi', development))) return false
  if (found.server === 'cgi' || (await isWorker())) return false
  return Boolean(workers) || (await import('./implied-workers.js')).impliedWorkers(options, found) > 0
}

/** A primary has started this process to serve. Loads nothing where that cannot be. */
async function isWorker(): Promise<boolean> {
  if (process.send === undefined) return false
  const { currentWorker } = await import('./daemon/worker.js')
  return currentWorker() !== undefined
}

async function startCgi(app: App, options: RunOptions, { why }: Detected): Promise<Running> {
  const [{ serveCgi }, { toHandler }] = await Promise.all([
    import('./cgi/child.js'),
    import('./app/handler.js'),
  ])
  const { development } = options
  let handler: Handler
  try {
    handler = await toHandler(app, options)
  } catch (error) {
    // A web server waits for an answer: it gets the error page, and its log the reason.
    handler = () => {
      throw error
    }
  }
  if (isDevelopment('cgi', development)) handler = (await import('./output.js')).recordOutput(handler)
  const maxBodyBytes = options.limits?.maxBodyBytes
  await serveCgi(handler, {
    ...(maxBodyBytes !== undefined && { maxBodyBytes }),
    ...options.cgi,
    onError: options.onError ?? errorPage(development),
  })
  return { server: 'cgi', why, close: async () => {} }
}

const errorPages = onDemand(() => import('./error-page.js'))

/**
 * The `onError` of an adapter; a CGI script loads the page when there is an error.
 *
 * @param option what the caller said of development; who may see it is decided for each request
 */
export function errorPage(option: boolean | undefined): NonNullable<RunOptions['onError']> {
  return async (error, exchange) => {
    const { errorReply } = await errorPages()
    return errorReply(error, exchange, { development: showsDevelopment(exchange, option) })
  }
}
