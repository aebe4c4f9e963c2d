import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordings, sentBytes } from '../env/captures.js'
import { cutsOf } from '../support/cuts.js'
import { Replay, type ReplayProtocol, replayOne } from '../support/replay.js'
import { stride } from '../support/runs.js'
import { converse } from './converse.js'
import { readAnswers, type WireReply, wireRecords } from './wire.js'

const recorded = recordings.filter(({ requests }) => requests.some(({ kind }) => kind === 'fastcgi'))

const fastcgi: ReplayProtocol = {
  isWhole: (got) => wireRecords(got).records.some(({ type }) => type === 3),
  output(got) {
    const { replies, management, open, rest } = readAnswers(got)
    expect([replies.length, management.length, open.length, rest]).toEqual([1, 0, 0, 0])
    const [reply] = replies as [WireReply]
    expect(reply).toMatchObject({ id: 1, appStatus: 0, protocolStatus: 0 })
    return reply.stdout
  },
}

test('eleven server modes are recorded', () => {
  expect(recorded).toHaveLength(11)
})

describe('3.3 what real servers send is the same however it is cut', () => {
  test.each(recorded)('$mode', ({ requests }) => {
    for (const [i, request] of requests.entries()) {
      const { bytes, body, whole } = sentBytes(request)
      const once = converse(bytes, [], {}, false)
      expect([request.name, once.error]).toEqual([request.name, undefined])
      expect(once.events[0]).toMatch(/^request 1 role 1 /)
      const stdin = once.events.slice(1).map((line) => JSON.parse(line.replace(/^stdin 1 /, '')) as string)
      expect(Buffer.from(stdin.join('') + openStdin(once.open), 'latin1').equals(body)).toBe(true)
      expect(once.open.length === 0 || !whole).toBe(true)
      for (const cuts of cutsOf(bytes.length, i)) expect(converse(bytes, cuts, {}, false)).toEqual(once)
    }
  })

  test('one request of each mode cut in two at every byte', () => {
    for (const { requests } of recorded) {
      const request = requests.find(({ name }) => name === 'post-cl') as (typeof requests)[number]
      const { bytes } = sentBytes(request)
      const once = converse(bytes, [], {}, false)
      for (let at = 1; at < bytes.length; at += stride) expect(converse(bytes, [at], {}, false)).toEqual(once)
    }
  })
})

const openStdin = (open: readonly string[]): string =>
  open.map((line) => (JSON.parse(line.slice(2)) as string[])[0]).join('')

describe.each(['fetch', 'node'] as const)('over a real connection, %s style', (style) => {
  const replay = new Replay(style)
  beforeAll(() => replay.open())
  afterAll(() => replay.close())

  test.each(recorded)(
    '$mode: the app sees what was sent, the server gets a valid reply',
    async (recording) => {
      for (const [i, request] of recording.requests.entries()) {
        const { length } = sentBytes(request).bytes
        await replayOne(replay, recording, request, fastcgi, i % 8 === 0 ? Math.ceil(length / 9) : length)
      }
    },
  )
})
