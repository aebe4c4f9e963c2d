/**
 * What must hold for a process that serves FastCGI and SCGI on a real socket, whatever comes. Run by the
 * tests and by `npm run fuzz`.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import { type Daemon, serveDaemon } from '../../src/daemon/daemon.js'
import type { Handler } from '../../src/exchange.js'
import { readAnswers, type WireReply } from '../fastcgi/wire.js'
import { readCgiOutput } from '../support/cgi-output.js'
import type { Property } from './codec.js'
import { mutant } from './mutants.js'
import {
  bodyBytes,
  conversation,
  cutPlaces,
  cuts,
  encodeRecords,
  pairs,
  type Rec,
  type RequestShape,
  type Round,
  Type,
} from './records.js'

/** How long anything may take, in milliseconds: longer is a hang. */
const PATIENCE = 10_000

const digest = (list: readonly string[]) => createHash('sha1').update(list.join('\0'), 'latin1').digest('hex')

/** Answers with a digest of the parameters and the body, or with the body in pieces. */
const echo: Handler = async ({ env, stdin, gateway }) => {
  const pieces: Uint8Array[] = [Buffer.from(`${digest(env.list)}\n`)]
  if (gateway.role !== 'authorizer')
    for (let piece = await stdin.read(); piece !== null; piece = await stdin.read()) pieces.push(piece)
  const headers = ['Content-Type', 'application/octet-stream']
  const whole = pieces.length % 2 === 0
  return { status: 200, headers, body: whole ? Buffer.concat(pieces) : each(pieces) }
}

async function* each(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces
}

/** Says at once what it says, and reads nothing. */
const early: Handler = () => ({ status: 403, headers: ['Content-Type', 'text/plain'], body: 'no\n' })

/** A process that fuzzes itself. */
export class Target {
  readonly log: string[] = []
  readonly #path: string
  #daemon: Daemon | undefined

  /** @param path of its socket */
  constructor(path: string) {
    this.#path = path
  }

  async open(): Promise<this> {
    const handler: Handler = (exchange) =>
      (exchange.env.get('X_EARLY') === undefined ? echo : early)(exchange)
    const stderr = (line: string) => {
      if (this.log.length < 100) this.log.push(line)
    }
    this.#daemon = await serveDaemon(handler, {
      path: this.#path,
      protocols: ['fastcgi', 'scgi'],
      stderr,
    })
    return this
  }

  /** Requests that are being served. */
  get running(): number {
    return this.#daemon?.running ?? 0
  }

  async close(): Promise<void> {
    await this.#daemon?.close(0)
  }

  connect(): Line {
    return new Line(connect(this.#path))
  }

  /** Serves a plain request, and has nothing left of earlier ones. */
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
    // A server that closes has not always read all.
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

  /** Sends bytes cut at some places, each piece after the one before has left. */
  async send(bytes: Buffer, places: readonly number[]): Promise<void> {
    const ends = [...new Set(places)].sort((a, b) => a - b)
    let at = 0
    for (const end of [...ends, bytes.length]) {
      if (end <= at || this.socket.destroyed) continue
      await new Promise<void>((resolve) => this.socket.write(bytes.subarray(at, end), () => resolve()))
      at = end
    }
  }

  /** Waits until something holds. @throws Error when that takes too long */
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

const EMPTY = new Uint8Array(0)

const bodyOf = (list: readonly string[], stdin: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`${digest(list)}\n`), stdin])

/** Each request has one reply and the right one; one that was aborted may have less of it. */
const checkReplies = (requests: readonly RequestShape[], replies: readonly WireReply[]): void => {
  assert.deepEqual(replies.map(({ id }) => id).sort(), requests.map(({ id }) => id).sort())
  for (const request of requests) {
    const reply = replies.find(({ id }) => id === request.id) as WireReply
    const { stdout, appStatus, protocolStatus } = reply
    assert.deepEqual([appStatus, protocolStatus], [0, 0])
    const wanted = bodyOf(request.pairs.flat(), request.role === 2 ? EMPTY : request.stdin)
    if (request.abortAfter === null) {
      const { status, body } = readCgiOutput(stdout)
      assert.equal(status, 200)
      assert.ok(body.equals(wanted), `request ${request.id} has another body`)
    } else if (stdout.length > 0) {
      const body = stdout.subarray(stdout.indexOf('\r\n\r\n') + 4)
      assert.ok(wanted.subarray(0, body.length).equals(body), `request ${request.id} has another body`)
    }
  }
}

/** GET_VALUES and records of unknown types, each of which is answered. */
const managementIn = ({ records }: Round): number => records.filter(({ id }) => id === 0).length

const talk = async (target: Target, rounds: readonly Round[], places: readonly number[], keep: boolean) => {
  const line = target.connect()
  let [seen, management] = [0, 0]
  for (const [i, given] of rounds.entries()) {
    const round = keep || i < rounds.length - 1 ? kept(given) : single(given)
    const bytes = encodeRecords(round.records)
    await line.send(bytes, cutPlaces(places, bytes.length))
    management += managementIn(round)
    await line.until(`round ${i}`, () => {
      const { replies, management: answers } = readAnswers(line.got)
      return (replies.length - seen >= round.requests.length && answers.length >= management) || line.closed
    })
    checkReplies(round.requests, readAnswers(line.got).replies.slice(seen))
    seen += round.requests.length
  }
  if (keep) assert.equal(line.closed, false, 'a kept connection was closed')
  else await line.until('the close after the last reply', () => line.closed)
  line.socket.destroy()
  const answers = readAnswers(line.got)
  assert.deepEqual([answers.open, answers.rest, answers.management.length], [[], 0, management])
  await target.isWell()
}

/** With FCGI_KEEP_CONN for all requests: a mixture has no one meaning. */
const kept = ({ requests, records }: Round): Round => ({ requests, records: flagged(records, 1) })

/** Only the first request, without FCGI_KEEP_CONN, and nothing behind it. */
const single = ({ requests, records }: Round): Round => {
  const [first] = requests as [RequestShape]
  const isOf = ({ id }: Rec) => id === first.id
  const others = records.filter(({ id }) => !requests.some((request) => request.id === id))
  return { requests: [first], records: flagged([...others, ...records.filter(isOf)], 0) }
}

const flagged = (records: readonly Rec[], keep: 0 | 1): Rec[] =>
  records.map((record) => {
    if (record.type !== Type.BEGIN || record.id === 0) return record
    const content = Uint8Array.from(record.content)
    content[2] = ((content[2] as number) & 254) | keep
    return { ...record, content }
  })

/** Any bytes: the server closes once we have, what it sent is well-formed, and it serves on. */
const survives = async (target: Target, bytes: Buffer, places: readonly number[]): Promise<void> => {
  const line = target.connect()
  await line.send(bytes, cutPlaces(places, bytes.length))
  line.socket.end()
  await line.until('the close of both sides', () => line.closed)
  if (bytes[0] === 1) readAnswers(line.got)
  await target.isWell()
}

const scgiBytes = (list: readonly (readonly [string, string])[], body: Uint8Array): Buffer => {
  const pairsText = [['CONTENT_LENGTH', `${body.length}`], ['SCGI', '1'], ...list].flat()
  const text = pairsText.map((item) => `${item}\0`).join('')
  return Buffer.concat([Buffer.from(`${text.length}:${text},`, 'latin1'), body])
}

/** Pairs that SCGI can carry: no NUL, no empty names, repeats only of request headers. */
const scgiPairs = pairs.map((list) => {
  const seen = new Set(['CONTENT_LENGTH', 'SCGI'])
  return list
    .map(([name, value]) => [name.replaceAll('\0', '_'), value.replaceAll('\0', '_')] as const)
    .filter(([name]) => {
      if (name === '' || (seen.has(name) && !name.startsWith('HTTP_'))) return false
      seen.add(name)
      return name !== 'CONTENT_LENGTH' && name !== 'SCGI'
    })
})

const askScgi = async (
  target: Target,
  list: readonly (readonly [string, string])[],
  body: Uint8Array,
  places: readonly number[],
  isEarly: boolean,
): Promise<void> => {
  const line = target.connect()
  const all = isEarly ? [...list, ['X_EARLY', '1'] as const] : list
  const bytes = scgiBytes(all, body)
  await line.send(bytes, cutPlaces(places, bytes.length))
  await line.until('the reply', () => line.closed)
  const output = readCgiOutput(line.got)
  assert.equal(output.status, isEarly ? 403 : 200)
  const sent = ['CONTENT_LENGTH', `${body.length}`, 'SCGI', '1', ...list.flat()]
  if (!isEarly) assert.ok(output.body.equals(bodyOf(sent, body)), 'another body')
}

/** @param target open */
export const liveProperties = (target: Target): readonly Property[] => [
  {
    name: 'FastCGI: every request of a valid conversation gets its reply, however it is cut',
    runs: 60,
    check: (options) =>
      fc.assert(
        fc.asyncProperty(
          conversation({ roles: [1, 1, 1, 2, 3], most: 4, aborts: true }),
          cuts,
          fc.boolean(),
          (rounds, places, keep) => talk(target, rounds, places, keep),
        ),
        options,
      ),
  },
  {
    name: 'SCGI: every request gets its reply, however it is cut',
    runs: 60,
    check: (options) =>
      fc.assert(
        fc.asyncProperty(scgiPairs, bodyBytes, cuts, fc.boolean(), (list, body, places, isEarly) =>
          askScgi(target, list, body, places, isEarly),
        ),
        options,
      ),
  },
  ...(['fastcgi', 'scgi'] as const).map(
    (kind): Property => ({
      name: `${kind}: mutated recordings neither hang nor break the process`,
      runs: 60,
      check: (options) =>
        fc.assert(
          fc.asyncProperty(mutant(kind), cuts, (bytes, places) => survives(target, bytes, places)),
          options,
        ),
    }),
  ),
  {
    name: 'random bytes neither hang nor break the process',
    runs: 40,
    check: (options) =>
      fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), cuts, (bytes, places) =>
          survives(target, Buffer.from(bytes), places),
        ),
        options,
      ),
  },
]
