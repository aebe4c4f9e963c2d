/** The process under test, its app, and connections to it. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Handler } from '../../src/core/exchange.js'
import { type Daemon, serveDaemon } from '../../src/process/daemon.js'
import { readCgiOutput } from '../support/cgi-output.js'

/** Longest duration of any step in milliseconds: longer counts as a hang. */
export const PATIENCE = 10_000

const digest = (list: readonly string[]) => createHash('sha1').update(list.join('\0'), 'latin1').digest('hex')

/** Modes of the app, chosen by the last of the parameters. */
export const modes = ['echo', 'slow', 'early', 'throw', 'stream'] as const
export type Mode = (typeof modes)[number] | 'break'

export const turn = () => new Promise((resolve) => setImmediate(resolve))

const bytes = ['Content-Type', 'application/octet-stream']

async function* pieces(body: Uint8Array, breaks: boolean): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length; at += 20_000) {
    if (at % 60_000 === 0) await turn()
    yield body.subarray(at, at + 20_000)
    if (breaks && at + 20_000 >= body.length) throw new Error('broken on purpose')
  }
}

/** Replies with values that a test can compute in advance. */
const handler: Handler = async ({ env, stdin, gateway }) => {
  const mode = (env.get('X_MODE') ?? 'echo') as Mode
  if (mode === 'early') return { status: 403, headers: ['Content-Type', 'text/plain'], body: 'no\n' }
  const all: Uint8Array[] = [Buffer.from(`${digest(env.list)}\n`)]
  if (gateway.role !== 'authorizer')
    for (let piece = await stdin.read(); piece !== null; piece = await stdin.read()) {
      all.push(piece)
      if (mode === 'slow') await turn()
    }
  if (mode === 'throw') throw new Error('thrown on purpose')
  const body = Buffer.concat(all)
  return {
    status: 200,
    headers: bytes,
    body: mode === 'stream' || mode === 'break' ? pieces(body, mode === 'break') : body,
  }
}

/** The reply that {@link handler} gives. */
export const answerOf = (list: readonly string[], stdin: Uint8Array, mode: Mode) => {
  const announced = Number(list[list.lastIndexOf('CONTENT_LENGTH') + 1] ?? '')
  const isWrong = list.includes('CONTENT_LENGTH') && announced > 0 && announced !== stdin.length
  if (mode === 'early') return { status: 403, body: Buffer.from('no\n') }
  // FastCGI 1.0 section 6.2: another length than CONTENT_LENGTH is an error.
  if (isWrong) return { status: 400, body: Buffer.from('400\n') }
  if (mode === 'throw') return { status: 500, body: Buffer.from('500\n') }
  return { status: 200, body: Buffer.concat([Buffer.from(`${digest(list)}\n`), stdin]) }
}

let others = 0

/** A process that tests itself with random input. */
export class Target {
  /** The last log lines. */
  readonly log: string[] = []
  readonly #path: string | null
  #daemon: Daemon | undefined

  /** @param path of its socket; null: a TCP port */
  constructor(path: string | null) {
    this.#path = path
  }

  async open(): Promise<this> {
    const stderr = (line: string) => {
      this.log.push(line)
      if (this.log.length > 10) this.log.shift()
    }
    this.#daemon = await serveDaemon(handler, {
      ...(this.#path === null ? { port: 0 } : { path: this.#path }),
      // Small limits, which are reached often.
      maxUnreadBytes: 16_384,
      maxBacklogBytes: 32_768,
      stderr,
    })
    return this
  }

  /** Number of requests being served. */
  get running(): number {
    return this.#daemon?.running ?? 0
  }

  async close(graceMs = 0): Promise<void> {
    await this.#daemon?.close(graceMs)
  }

  /** Another process like this one. */
  another(): Promise<Target> {
    return new Target(this.#path === null ? null : `${this.#path}${others++}`).open()
  }

  connect(): Line {
    if (this.#path !== null) return new Line(connect(this.#path))
    const { port } = (this.#daemon as Daemon).address as AddressInfo
    return new Line(connect(port, '127.0.0.1'))
  }

  /** Checks that it serves a plain request, and that no earlier request is still running. */
  async isWell(): Promise<void> {
    const line = this.connect()
    await line.send(scgiBytes([['HTTP_X', 'y']], new Uint8Array(3)), [])
    await line.until('a plain request', () => line.closed)
    assert.equal(readCgiOutput(line.got).status, 200)
    const end = Date.now() + PATIENCE
    while (this.running > 0) {
      if (Date.now() > end) throw new Error(`${this.running} requests are left over`)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
}

/** The peer's end of a connection. */
class Line {
  readonly socket: Socket
  readonly #got: Buffer[] = []
  closed = false
  #wake: () => void = () => {}

  constructor(socket: Socket) {
    this.socket = socket
    // A server that closes has not always read everything.
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      this.#got.push(chunk)
      this.#wake()
    })
    socket.on('close', () => {
      this.closed = true
      this.#wake()
    })
  }

  get got(): Buffer {
    const all = Buffer.concat(this.#got.splice(0))
    this.#got.push(all)
    return all
  }

  /** Sends bytes split at some offsets, each chunk after the previous one was sent. */
  async send(bytes: Buffer, places: readonly number[]): Promise<void> {
    const ends = [...new Set(places)].sort((a, b) => a - b)
    let at = 0
    for (const end of [...ends, bytes.length]) {
      if (end <= at || this.socket.destroyed) continue
      await new Promise<void>((resolve) => this.socket.write(bytes.subarray(at, end), () => resolve()))
      at = end
    }
  }

  /** Waits until a condition holds. @throws Error if that takes too long */
  async until(what: string, holds: () => boolean): Promise<void> {
    let late: NodeJS.Timeout | undefined
    const tooLate = new Promise<never>((_, reject) => {
      late = setTimeout(() => reject(new Error(`hangs: ${what} took ${PATIENCE} ms`)), PATIENCE)
    })
    try {
      while (!holds()) {
        const woken = new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        await Promise.race([woken, tooLate])
      }
    } finally {
      clearTimeout(late)
    }
  }
}

export const scgiBytes = (list: readonly (readonly [string, string])[], body: Uint8Array): Buffer => {
  const pairsText = [['CONTENT_LENGTH', `${body.length}`], ['SCGI', '1'], ...list].flat()
  const text = pairsText.map((item) => `${item}\0`).join('')
  return Buffer.concat([Buffer.from(`${text.length}:${text},`, 'latin1'), body])
}
