/** Replies that are sent before the upload has been read, and how fast an app notices a client disconnect. */

import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { until } from '../support/processes.js'
import { type RawRequest, request } from '../support/request.js'
import { shortest } from '../support/timing.js'
import { begin, leave } from './endings.js'
import { named, type Subject } from './traits.js'

const tenMB = Buffer.alloc(10_000_000, 'x')
const octets = ['Content-Type: application/octet-stream']

type Way = readonly [name: string, upload: Pick<RawRequest, 'body' | 'pieces'>]

const uploads: readonly Way[] = [
  ['with a length', { body: tenMB }],
  ['chunked', { pieces: [tenMB.subarray(0, 50_000), tenMB.subarray(50_000)] }],
]

/** 413 for 10 MB, from an app that reads none of them. */
export function early({ port, mount, traits }: Pick<Subject, 'port' | 'mount' | 'traits'>): void {
  const can = traits.answersEarly ?? true
  it.each(uploads.slice(0, (traits.takesChunked ?? true) === true ? 2 : 1))(
    named('an early 413 to an upload of 10 MB, %s', can),
    async (_, upload) => {
      const asked = { method: 'POST', target: `${mount}/-/refuse`, headers: octets, ...upload }
      const start = performance.now()
      const reply = await request({ port: port() }, asked).catch((error: Error) => error)
      // The rest of the upload must not be waited for until a time limit.
      expect(performance.now() - start).toBeLessThan(8000)
      if (can === true) expect(reply).toMatchObject({ status: 413, complete: true, text: 'too large' })
    },
  )
}

/** The same for limits, with an app that reads. It was started with {@link limited}. */
export function limit(name: string, port: () => number): void {
  it.each(uploads)(`an upload of 10 MB over maxBodyBytes, ${name}, %s: 413`, async (_, upload) => {
    const asked = { method: 'POST', target: '/-/sum', headers: octets, ...upload }
    expect(await request({ port: port() }, asked)).toMatchObject({ status: 413, complete: true })
    const small = { method: 'POST', target: '/-/sum', body: 'small' }
    expect(await request({ port: port() }, small)).toMatchObject({ status: 200, complete: true })
  })

  it.each([
    ['a page', {}],
    ['an upload', { method: 'POST', body: tenMB.subarray(0, 300_000) }],
  ])(`request headers over maxParamsBytes, ${name}, %s: 431`, async (_, asked) => {
    const headers = [`X-Long: ${'x'.repeat(7000)}`]
    const reply = await request({ port: port() }, { target: '/-/sum', headers, ...asked })
    expect(reply).toMatchObject({ status: 431, complete: true, text: 'Request Header Fields Too Large\n' })
  })
}

/** Environment of a fetch app that accepts uploads of up to 5 MB, and about 5 KB of request headers. */
export const limited = { MAX_BODY_BYTES: '5000000', MAX_PARAMS_BYTES: '6000' }

/**
 * The app notices within a second that a client disconnects: in the middle of a stream, and before the reply.
 * Do not run it concurrently with other tests: it measures time.
 */
export function leavesAreSeen(subject: Subject): void {
  const { traits } = subject
  const ways = [
    ['in the middle of the reply', 'leave', 'tick', traits.tellsLeave],
    ['before the reply', 'quiet', 'waiting', traits.tellsQuietLeave],
  ] as const
  const possible = ways.filter(([, , , can]) => can === true)
  it.each(possible)('a client that disconnects %s is noticed within a second', async (_, name, sign) => {
    expect(await shortest(1000, () => leaveTime(subject, name, sign))).toBeLessThan(1000)
  })
}

/** Milliseconds between a client disconnect and the moment at which the app notices it. */
async function leaveTime(
  { site, port, mount, traits }: Subject,
  name: string,
  sign: string,
): Promise<number> {
  const at = site().docroot.scratch()
  const wire = await begin({ port, traits }, `${mount}/-/${name}?at=${at}`)
  expect(await until(() => existsSync(join(at, sign)))).toBe(true)
  const left = performance.now()
  leave(wire, traits)
  expect(await until(() => existsSync(join(at, 'left')))).toBe(true)
  const time = performance.now() - left
  writeFileSync(join(at, 'answer'), '')
  return time
}
