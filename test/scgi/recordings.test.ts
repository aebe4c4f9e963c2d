import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NetstringReader } from '../../src/scgi/codec/netstring.js'
import { environmentOf, recordings, sentBytes } from '../env/captures.js'
import { cutsOf } from '../support/cuts.js'
import { Replay, type ReplayProtocol, replayOne } from '../support/replay.js'
import { stride } from '../support/runs.js'

const recorded = recordings.filter(({ requests }) => requests.some(({ kind }) => kind === 'scgi'))
const limits = { maxParamsBytes: 1 << 20, maxParams: 1000, maxDiscardBytes: 64 << 20 }

/**
 * The reader's result for bytes that arrive in chunks; chunks are wiped, because nothing of them may be kept.
 */
const read = (bytes: Buffer, cuts: readonly number[]) => {
  const reader = new NetstringReader(limits)
  const places = [...new Set(cuts.filter((cut) => cut > 0 && cut < bytes.length))].sort((a, b) => a - b)
  let at = 0
  for (const cut of [...places, bytes.length]) {
    const chunk = Buffer.from(bytes.subarray(at, cut))
    const head = reader.push(chunk)
    chunk.fill(0xff)
    if (head !== null) return { ...head, bodyAt: at + head.bodyAt }
    at = cut
  }
  throw new Error('no head')
}

test('three server modes are recorded', () => {
  expect(recorded.map(({ mode }) => mode.replace(/-.*/, ''))).toEqual(['apache', 'lighttpd', 'nginx'])
})

describe('what real servers send is the same however it is cut', () => {
  test.each(recorded)('$mode', ({ requests }) => {
    for (const [i, request] of requests.entries()) {
      const { bytes, body } = sentBytes(request)
      const once = read(bytes, [])
      expect([request.name, once.params]).toEqual([request.name, environmentOf(request).list])
      expect(bytes.length - once.bodyAt).toBe(body.length)
      for (const cuts of cutsOf(bytes.length, i)) expect(read(bytes, cuts)).toEqual(once)
    }
  })

  test('one request of each mode cut in two at every byte', () => {
    for (const { requests } of recorded) {
      const request = requests.find(({ name }) => name === 'post-cl') as (typeof requests)[number]
      const { bytes } = sentBytes(request)
      const once = read(bytes, [])
      for (let at = 1; at < bytes.length; at += stride) expect(read(bytes, [at])).toEqual(once)
    }
  })
})

const scgi: ReplayProtocol = {
  // Only the end of the connection shows it.
  isWhole: () => false,
  output: (got) => got,
}

describe.each(['fetch', 'node'] as const)('over a real connection, %s style', (style) => {
  const replay = new Replay(style)
  beforeAll(() => replay.open())
  afterAll(() => replay.close())

  test.each(recorded)(
    '$mode: the app sees what was sent, the server gets a valid reply',
    async (recording) => {
      for (const [i, request] of recording.requests.entries()) {
        const { length } = sentBytes(request).bytes
        await replayOne(replay, recording, request, scgi, i % 8 === 0 ? Math.ceil(length / 9) : length)
      }
      expect(replay.log.filter((line) => !line.includes('(REQUEST_TARGET_REFUSED)'))).toEqual([])
    },
  )
})
