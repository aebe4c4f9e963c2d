/**
 * Replays recordings of real servers over a real connection, to apps of both styles that report what they
 * see.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect } from 'vitest'
import { toHandler } from '../../src/app/handler.js'
import type { App, FetchContext } from '../../src/app/types.js'
import type { CgiRequest } from '../../src/env/request.js'
import { type Daemon, serveDaemon } from '../../src/process/daemon.js'
import { type Oracle, type RecordedRequest, type Recording, sentBytes } from '../env/captures.js'
import { lossOf } from '../env/losses.js'
import { deviations } from '../env/oracle.js'
import { readCgiOutput } from './cgi-output.js'
import { tempDir } from './temp.js'

export type Style = 'fetch' | 'node'

/** What an app saw of one request. */
interface Seen {
  /** The fields of the head, in the terms of the translator; without those that the app cannot see. */
  readonly request: Partial<CgiRequest>
  /** The body; if it broke off, the part before that. */
  body: Buffer
  /** The error with which the body broke off. */
  error?: unknown
}

/** The body of the replies. */
const replyBody = 'what was seen is logged elsewhere, with an ü\n'

const headersFrom = (pairs: Iterable<readonly [string, string]>) => {
  const map = new Map(pairs)
  return { headers: [...map].flat(), header: (name: string) => map.get(name) }
}

async function take(seen: Seen, pieces: AsyncIterable<Uint8Array> | null): Promise<void> {
  const all: Uint8Array[] = []
  try {
    for await (const piece of pieces ?? []) all.push(piece)
  } catch (error) {
    seen.error = error
  }
  seen.body = Buffer.concat(all)
}

type See = (seen: Seen) => void
type NodeRequest = IncomingMessage & { originalUrl: string; baseUrl: string }

const nodeApp =
  (see: See): App =>
  async (incoming: IncomingMessage, res: ServerResponse) => {
    const req = incoming as NodeRequest
    const { socket } = req
    const [, path = '', query = null] = /^(?:\w+:\/\/[^/?]*)?([^?]*)(?:\?(.*))?$/s.exec(req.originalUrl) ?? []
    const seen: Seen = {
      request: {
        method: req.method as string,
        target: req.originalUrl,
        path,
        query,
        protocol: `HTTP/${req.httpVersion}`,
        scheme: (socket as { encrypted?: boolean }).encrypted ? 'https' : 'http',
        remoteAddress: socket.remoteAddress,
        remotePort: socket.remotePort,
        serverAddress: socket.localAddress,
        serverPort: socket.localPort,
        mount: req.baseUrl,
        // Without transfer-encoding, which is set for a body of unknown length because body parsers check it.
        ...headersFrom(
          Object.entries(req.headers).filter(([name]) => name !== 'transfer-encoding') as [string, string][],
        ),
      },
      body: Buffer.alloc(0),
    }
    await take(seen, req)
    see(seen)
    res.setHeader('Content-Type', 'text/plain; charset=utf-8')
    res.setHeader('X-Seen', 'node')
    res.end(replyBody)
  }

const fetchApp = (see: See): App => ({
  async fetch(request: Request, env: Record<string, string>, context: FetchContext) {
    const seen: Seen = {
      request: {
        method: request.method,
        url: context.url,
        scheme: new URL(context.url).protocol === 'https:' ? 'https' : 'http',
        remoteAddress: env.REMOTE_ADDR,
        remotePort: env.REMOTE_PORT === undefined ? undefined : Number(env.REMOTE_PORT),
        mount: context.mount,
        ...headersFrom(request.headers),
      },
      body: Buffer.alloc(0),
    }
    await take(seen, request.body)
    see(seen)
    return new Response(replyBody, {
      headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Seen': 'fetch' },
    })
  },
})

/** A server for all protocols on one socket, inside this process, with an app of one style. */
export class Replay {
  readonly style: Style
  readonly log: string[] = []
  readonly #kept: Seen[] = []
  readonly #path = join(tempDir('replay'), 's')
  #daemon: Daemon | undefined
  #tell: (() => void) | undefined

  constructor(style: Style) {
    this.style = style
  }

  async open(): Promise<this> {
    const see = (seen: Seen) => {
      this.#kept.push(seen)
      this.#tell?.()
    }
    const handler = await toHandler(this.style === 'fetch' ? fetchApp(see) : nodeApp(see))
    this.#daemon = await serveDaemon(handler, { path: this.#path, stderr: (line) => this.log.push(line) })
    return this
  }

  async close(): Promise<void> {
    await this.#daemon?.close(0)
  }

  /**
   * Sends bytes on a separate connection.
   *
   * @param piece bytes of one write
   * @param enough is called with the data so far; true closes the connection
   * @returns all data received
   */
  send(bytes: Buffer, piece: number, enough: (got: Buffer) => boolean): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#path)
      let got: Buffer = Buffer.alloc(0)
      socket.on('data', (chunk) => {
        got = Buffer.concat([got, chunk])
        if (enough(got)) socket.destroy()
      })
      socket.on('error', reject)
      socket.on('close', () => resolve(got))
      void writeAll(socket, bytes, piece).then(() => enough(got) && socket.destroy())
    })
  }

  /** What the app saw of the last request; undefined if it was not called. */
  async seen(isOver: Promise<unknown>): Promise<Seen | undefined> {
    if (this.#kept.length === 0) {
      const told = new Promise<void>((resolve) => {
        this.#tell = resolve
      })
      await Promise.race([told, isOver])
    }
    return this.#kept.shift()
  }
}

async function writeAll(socket: Socket, bytes: Buffer, piece: number): Promise<void> {
  for (let at = 0; at < bytes.length && !socket.destroyed; at += piece)
    await new Promise<void>((resolve) => socket.write(bytes.subarray(at, at + piece), () => resolve()))
}

export interface ReplayProtocol {
  /** The reply is complete. */
  isWhole(got: Buffer): boolean
  /**
   * The only reply in these bytes, parsed as CGI output. @throws Error that describes the protocol violation
   */
  output(got: Buffer): Buffer
}

/** Sends one recorded request again and compares what the app saw with the oracle. */
export async function replayOne(
  replay: Replay,
  { mode, mount_point }: Recording,
  request: RecordedRequest,
  protocol: ReplayProtocol,
  piece: number,
): Promise<void> {
  const { bytes, body, whole } = sentBytes(request)
  const { name, expected } = request
  const sending = replay.send(bytes, piece, whole ? protocol.isWhole : () => true)
  // The client has disconnected: the app notices it after the connection has closed.
  const seen = await replay.seen(whole ? sending : new Promise(() => {}))
  const got = await sending
  if (seen === undefined) {
    const { status } = readCgiOutput(protocol.output(got))
    expect([mode, name, status, mayBeRefused(replay.style, mode, name)]).toEqual([mode, name, 400, true])
    return
  }
  const wanted = replay.style === 'node' ? inOneReading(expected, mode, mount_point) : expected
  const unexplained = differences(replay.style, seen, wanted, mount_point).filter(
    ({ field }) => lossOf(mode, name, field) === undefined,
  )
  expect([name, unexplained]).toEqual([name, []])
  expect([name, seen.body.equals(body)]).toEqual([name, true])
  expect([name, seen.error === undefined]).toEqual([name, whole])
  if (whole) checkReply(protocol.output(got), replay.style, name, expected.method)
}

/**
 * Probes for which no app is called: a Host that is invalid in a URL (fetch apps), a "#" in the target, and
 * dot segments that Caddy does not resolve.
 */
function mayBeRefused(style: Style, mode: string, name: string): boolean {
  if (name === 'host-weird') return style === 'fetch'
  return name === 'path-fragment' || (/^(?:mount-)?dots?-/.test(name) && mode.startsWith('caddy-'))
}

/**
 * The path that a Node app gets if the path has dot segments or a raw "\": the result of the URL class. It
 * begins with one slash if the server has merged slashes.
 */
function inOneReading(oracle: Oracle, mode: string, mountPoint: string): Oracle {
  const raw = oracle.path_raw
  const resolved = /\\|\/(?:\.|%2e){1,2}(?:\/|$)/i.test(raw) ? (urlOf(oracle)?.pathname ?? raw) : raw
  const mount = resolved.startsWith(`${mountPoint}/`) ? mountPoint : ''
  const merged = mount + resolved.slice(mount.length).replace(/^\/+/, '/')
  const path = /^(?:apache|nginx|lighttpd)-/.test(mode) ? merged : resolved
  return path === raw ? oracle : { ...oracle, path_raw: path, url: oracle.url.replace(raw, () => path) }
}

function checkReply(output: Buffer, style: Style, name: string, method: string): void {
  const { status, headers, body } = readCgiOutput(output)
  expect([name, status]).toEqual([name, 200])
  expect(headers).toContain('text/plain; charset=utf-8')
  const seen = headers.findIndex((header) => header.toLowerCase() === 'x-seen')
  expect(headers[seen + 1]).toBe(style)
  expect([name, body.toString()]).toEqual([name, method === 'HEAD' ? '' : replyBody])
}

/** The fields of the oracle that an app of this style can see, and every header. */
const visible: Readonly<Record<Style, ReadonlySet<string>>> = {
  fetch: new Set(['method', 'scheme', 'remoteAddress', 'remotePort', 'mount']),
  node: new Set([
    ...['method', 'target', 'path', 'query', 'protocol', 'scheme'],
    ...['remoteAddress', 'remotePort', 'serverAddress', 'serverPort', 'mount'],
  ]),
}

/** The differences between the request that the app saw and the one that the client sent. */
function differences(style: Style, { request }: Seen, oracle: Oracle, mountPoint: string) {
  const nothing = { target: '', path: '', rest: '', mount: '', authority: '' }
  const found = deviations({ ...nothing, ...request } as CgiRequest, oracle, mountPoint)
  const seen = found.filter(({ field }) => visible[style].has(field) || field.startsWith('header '))
  const wanted = style === 'fetch' ? urlOf(oracle) : null
  if (wanted !== null) {
    const { pathname, search } = new URL(request.url as string)
    if (pathname !== wanted.pathname) seen.push({ field: 'path', wanted: wanted.pathname, got: pathname })
    if (search !== wanted.search) seen.push({ field: 'query', wanted: wanted.search, got: search })
  }
  return seen
}

/** The URL that a fetch app should see; null if the target is not a path. */
function urlOf({ path_raw, query_raw }: Oracle): URL | null {
  if (!path_raw.startsWith('/')) return null
  // Characters that are not allowed in a URL are percent-encoded, byte by byte: one character is one byte.
  const encoded = `${path_raw}${query_raw === null ? '' : `?${query_raw}`}`.replace(
    /[\x80-\xff"#<>\\^`{|}]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return new URL(`http://localhost${encoded}`)
}
