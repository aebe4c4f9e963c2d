/**
 * Properties of a process that serves FastCGI and SCGI on a real socket, which must hold for any input. Run
 * by the tests and by `npm run fuzz`.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { readAnswers, type WireReply, wireRecords } from '../fastcgi/wire.js'
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
import { answerOf, type Mode, modes, PATIENCE, scgiBytes, type Target, turn } from './target.js'

const EMPTY = new Uint8Array(0)

const modeOf = (list: readonly (readonly [string, string])[]): Mode =>
  (list.find(([name]) => name === 'X_MODE')?.[1] ?? 'echo') as Mode

/** Each request has exactly one reply, the expected one; an aborted request may have a shorter one. */
const checkReplies = (requests: readonly RequestShape[], replies: readonly WireReply[]): void => {
  assert.deepEqual(replies.map(({ id }) => id).sort(), requests.map(({ id }) => id).sort())
  for (const request of requests) {
    const reply = replies.find(({ id }) => id === request.id) as WireReply
    const { stdout, appStatus, protocolStatus } = reply
    assert.deepEqual([appStatus, protocolStatus], [0, 0])
    const stdin = request.role === 2 ? EMPTY : request.stdin
    const wanted = answerOf(request.pairs.flat(), stdin, modeOf(request.pairs))
    if (request.abortAfter === null) {
      const { status, body } = readCgiOutput(stdout)
      assert.equal(status, wanted.status)
      assert.ok(body.equals(wanted.body), `request ${request.id} has another body`)
    } else if (stdout.length > 0) {
      const body = stdout.subarray(stdout.indexOf('\r\n\r\n') + 4)
      const begin = wanted.body.subarray(0, body.length)
      assert.ok(begin.equals(body), `request ${request.id} has another body`)
    }
  }
}

/** GET_VALUES and records of unknown types, each of which gets a reply. */
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

/** With FCGI_KEEP_CONN for all requests: mixed values have no defined meaning. */
const kept = ({ requests, records }: Round): Round => ({ requests, records: flagged(records, 1) })

/** Only the first request, without FCGI_KEEP_CONN, and nothing after it. */
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

/** How a peer disconnects: it half-closes, destroys its socket, or reads nothing before it half-closes. */
const leavings = ['end', 'destroy', 'late'] as const
type Leaving = (typeof leavings)[number]

/**
 * Any bytes: the server closes the connection once the peer has, its output is well-formed, and it continues
 * to serve.
 */
const survives = async (
  target: Target,
  bytes: Buffer,
  places: readonly number[],
  leaving: Leaving,
): Promise<void> => {
  const line = target.connect()
  // A peer that never reads.
  if (leaving === 'late') line.socket.pause()
  await line.send(bytes, cutPlaces(places, bytes.length))
  if (leaving === 'destroy') line.socket.destroy()
  else line.socket.end()
  line.socket.resume()
  await line.until('the close of both sides', () => line.closed)
  if (bytes[0] === 1) readAnswers(line.got)
  await target.isWell()
}

/** Pairs that SCGI can represent: no NUL, no empty names, repeats only of request headers. */
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
  mode: Mode,
): Promise<void> => {
  const line = target.connect()
  const all = [...list, ['X_MODE', mode] as const]
  const bytes = scgiBytes(all, body)
  await line.send(bytes, cutPlaces(places, bytes.length))
  await line.until('the reply', () => line.closed)
  const output = readCgiOutput(line.got)
  const sent = ['CONTENT_LENGTH', `${body.length}`, 'SCGI', '1', ...all.flat()]
  const wanted = answerOf(sent, body, mode)
  assert.equal(output.status, wanted.status)
  assert.ok(output.body.equals(wanted.body), 'another body')
}

/** A reply that breaks partway, even after its last byte, never looks complete. */
const breaks = async (
  target: Target,
  round: Round,
  places: readonly number[],
  keep: 0 | 1,
): Promise<void> => {
  const line = target.connect()
  const bytes = encodeRecords(flagged(single(round).records, keep))
  await line.send(bytes, cutPlaces(places, bytes.length))
  await line.until('the close of the connection', () => line.closed)
  const ends = wireRecords(line.got).records.filter(({ type }) => type === Type.END)
  assert.deepEqual(ends, [])
  await target.isWell()
}

const isNginx = (requests: Round['requests']): boolean =>
  requests.some(({ pairs: list }) =>
    list.some(([name, value]) => name === 'SERVER_SOFTWARE' && value.startsWith('nginx/')),
  )

/** A process that is asked to end while requests are in transit answers all of them. */
const endsWell = async (
  target: Target,
  rounds: readonly Round[],
  places: readonly number[],
  keep: boolean,
  turns: number,
): Promise<void> => {
  const other = await target.another()
  const lines = rounds.map((round) => {
    const one = single(round)
    const { requests } = one
    const bytes = encodeRecords(keep ? flagged(one.records, 1) : one.records)
    const line = other.connect()
    return {
      line,
      requests,
      management: managementIn(one),
      sent: line.send(bytes, cutPlaces(places, bytes.length)),
    }
  })
  await Promise.all(lines.map(({ sent }) => sent))
  for (let i = 0; i < turns; i++) await turn()
  const closed = other.close(PATIENCE)
  for (const { line, requests, management } of lines) {
    await line.until('the close after the reply', () => line.closed)
    const answers = readAnswers(line.got)
    checkReplies(requests, answers.replies)
    assert.deepEqual([answers.open, answers.rest], [[], 0])
    // An unsolicited record may follow the last reply (src/fastcgi/server/end-reply.ts).
    const unasked = answers.management.length - management
    assert.ok(unasked === 0 || (unasked === 1 && keep && isNginx(requests)), `${unasked} unasked records`)
  }
  await closed
}

/** @param target open */
export const liveProperties = (target: Target): readonly Property[] => [
  {
    name: 'FastCGI: every request of a valid conversation gets its reply, however it is split',
    runs: 60,
    check: (options) =>
      fc.assert(
        fc.asyncProperty(
          conversation({ roles: [1, 1, 1, 2, 3], most: 4, aborts: true, modes }),
          cuts,
          fc.boolean(),
          (rounds, places, keep) => talk(target, rounds, places, keep),
        ),
        options,
      ),
  },
  {
    name: 'FastCGI: simultaneous connections do not disturb each other, nor does one that is cut off',
    runs: 20,
    check: (options) =>
      fc.assert(
        fc.asyncProperty(
          fc.array(conversation({ roles: [1, 1, 3], most: 3, aborts: true, modes }), {
            minLength: 2,
            maxLength: 4,
          }),
          cuts,
          fc.double({ min: 0, max: 1, noNaN: true }),
          async (conversations, places, part) => {
            const [first, ...others] = conversations as [Round[], ...Round[][]]
            const bytes = encodeRecords(first.flatMap(({ records }) => records))
            await Promise.all([
              survives(target, bytes.subarray(0, Math.floor(part * bytes.length)), places, 'destroy'),
              ...others.map((rounds) => talk(target, rounds, places, true)),
            ])
          },
        ),
        options,
      ),
  },
  {
    name: 'FastCGI: a reply that breaks never looks complete',
    runs: 20,
    check: (options) =>
      fc.assert(
        fc.asyncProperty(
          conversation({ roles: [1, 3], most: 1, aborts: false, modes: ['break'] }),
          cuts,
          fc.constantFrom(0, 1),
          ([round], places, keep) => {
            const [{ pairs: list, stdin }] = (round as Round).requests as [RequestShape]
            // With a wrong CONTENT_LENGTH the reply is another one.
            fc.pre(answerOf(list.flat(), stdin, 'break').status === 200)
            return breaks(target, round as Round, places, keep)
          },
        ),
        options,
      ),
  },
  {
    name: 'FastCGI: a process that ends answers every request sent before',
    runs: 5,
    check: (options) =>
      fc.assert(
        fc.asyncProperty(
          conversation({ roles: [1, 1, 3], most: 1, aborts: false, modes }),
          cuts,
          fc.boolean(),
          fc.nat(6),
          (rounds, places, keep, turns) => endsWell(target, rounds, places, keep, turns),
        ),
        options,
      ),
  },
  {
    name: 'SCGI: every request gets its reply, however it is split',
    runs: 60,
    check: (options) =>
      fc.assert(
        fc.asyncProperty(scgiPairs, bodyBytes, cuts, fc.constantFrom(...modes), (list, body, places, mode) =>
          askScgi(target, list, body, places, mode),
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
          fc.asyncProperty(mutant(kind), cuts, fc.constantFrom(...leavings), (bytes, places, leaving) =>
            survives(target, bytes, places, leaving),
          ),
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
          survives(target, Buffer.from(bytes), places, 'end'),
        ),
        options,
      ),
  },
]
