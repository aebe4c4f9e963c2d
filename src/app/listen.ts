/**
 * Programs that start their own server: `app.listen(3000)` is intercepted, and its server becomes the app.
 */
import type { Server } from 'node:http'

/** The address a program wanted to listen on. */
interface ListenAddress {
  readonly port?: number
  readonly host?: string
  /** A Unix socket. */
  readonly path?: string
}

export interface CaughtServer {
  readonly server: Server
  readonly asked: ListenAddress
}

export interface ListenTrap {
  /** The first HTTP server that calls `listen()`; null when the program ends without one. */
  first(): Promise<CaughtServer | null>
  /** Stops intercepting. Servers caught before stay caught. */
  release(): void
}

/**
 * Intercepts `listen()` of HTTP servers: the server reports that it listens ('listening', its callback,
 * `address()`), opens nothing, and is handed over. Other servers listen as usual.
 *
 * @param off called for each server; true lets it listen
 */
export function catchListen(off: () => boolean = () => false): ListenTrap {
  const { prototype } = process.getBuiltinModule('node:net').Server
  const listen = prototype.listen
  let found: CaughtServer | null = null
  let tell: ((caught: CaughtServer | null) => void) | null = null

  prototype.listen = function caught(this: Server, ...args: unknown[]): Server {
    if (off() || !isHttp(this)) return listen.apply(this, args as Parameters<typeof listen>) as Server
    const asked = readArguments(args)
    pretend(this, asked, args.at(-1))
    found ??= { server: this, asked }
    tell?.(found)
    return this
  } as typeof listen
  const ours = prototype.listen

  return {
    first: () => {
      if (found !== null) return Promise.resolve(found)
      return new Promise((resolve) => {
        tell = resolve
        process.once('beforeExit', () => resolve(found))
      })
    },
    release: () => {
      if (prototype.listen === ours) prototype.listen = listen
    },
  }
}

/**
 * Listeners may be added after listen(), so the class counts too; it is checked by name because node:http may
 * not be loaded.
 */
function isHttp(server: Server): boolean {
  return 'requestTimeout' in server || (server as Server).listenerCount('request') > 0
}

/** listen(port, host, backlog, callback), listen(path, callback), listen(options, callback), listen(callback). */
function readArguments(args: readonly unknown[]): ListenAddress {
  const [first, second] = args
  const given = typeof first === 'object' && first !== null ? (first as Record<string, unknown>) : null
  const port = given ? given.port : first
  if (given && typeof given.path === 'string') return { path: given.path }
  if (typeof port === 'string' && !/^\d+$/.test(port)) return { path: port }
  const host = given ? given.host : second
  return {
    port: typeof port === 'function' || port === undefined || port === null ? 0 : Number(port),
    ...(typeof host === 'string' && { host }),
  }
}

/** Makes a server look as if it were listening. */
function pretend(server: Server, asked: ListenAddress, callback: unknown): void {
  if (typeof callback === 'function') server.once('listening', callback as () => void)
  const listening = (value: boolean) =>
    Object.defineProperty(server, 'listening', { configurable: true, enumerable: false, value })
  listening(true)
  server.address = () => addressOf(asked)
  server.close = (done?: (error?: Error) => void) => {
    if (done) server.once('close', () => done())
    if (server.listening) process.nextTick(() => server.emit('close'))
    listening(false)
    return server
  }
  process.nextTick(() => server.emit('listening'))
}

/** The result of `server.address()`: the requested address; for port 0, the web server's port. */
function addressOf({ path, port, host }: ListenAddress): ReturnType<Server['address']> {
  if (path !== undefined) return path
  const address = host ?? process.env.SERVER_ADDR ?? '127.0.0.1'
  const family = address.includes(':') ? 'IPv6' : 'IPv4'
  return { address, family, port: port || Number(process.env.SERVER_PORT) || 0 }
}

/**
 * Whether the text of an app file may start a server: intercepting costs a CGI process two milliseconds,
 * which a file that exports its app can save.
 */
export function mayListen(source: string): boolean {
  return /\blisten\b/.test(source) || !/\bexport\b|\bexports\b/.test(source)
}
