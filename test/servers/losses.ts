/** Runs of many distinguishable requests: none may be lost, or get the reply of another. */

import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { headText } from '../support/request.js'
import { Wire, type WireReply } from '../support/wire.js'
import type { Subject } from './traits.js'

export interface LossRun {
  readonly port: number
  /** Path where one of the five apps is mounted. */
  readonly mount: string
  readonly method: 'GET' | 'POST'
  /** How many requests; by default 2000, or as many as fit in until `until` is settled. */
  readonly requests?: number
  /** Continues until this is settled. */
  readonly until?: Promise<unknown>
  /** How many concurrent requests; 16 by default. */
  readonly concurrency?: number
  /** false: a new connection for each request, if the server under test closes kept ones. Default true. */
  readonly kept?: boolean
}

export interface LossReport {
  readonly sent: number
  /** How many had no reply or a wrong one. */
  readonly lost: number
  /** The first ten of them: the request, and what arrived. */
  readonly differences: readonly string[]
  readonly connections: number
  readonly milliseconds: number
}

/** Close to the limits of records, buffers and pipes. */
const sizes = [0, 1, 17, 300, 1000, 4096, 8191, 8192, 2000, 16_384, 5, 32_769, 65_535, 65_536, 70_001, 100]

const noise = Buffer.alloc(Math.max(...sizes))
for (let at = 0; at + 4 < noise.length; at += 4) noise.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at)

interface Question {
  readonly method: string
  readonly target: string
  readonly headers: readonly string[]
  readonly body?: Buffer
  /** What is wrong with the reply's body; null if nothing is. */
  wrong(text: string): string | null
}

/** A request whose reply differs from that of every other request. */
function question({ method, mount }: LossRun, number: number): Question {
  const name = `X-Number: ${number}`
  if (method === 'GET') {
    const target = `${mount}/-/echo/${number}?n=${number}`
    return { method, target, headers: [name], wrong: (text) => wrongEcho(text, target, number) }
  }
  const body = Buffer.from(noise.subarray(0, sizes[number % sizes.length]))
  body.write(`${number} `)
  const sum = `${body.length} ${createHash('sha256').update(body).digest('hex')}`
  const headers = [name, 'Content-Type: application/octet-stream']
  const wrong = (text: string) => (text === sum ? null : `not the sum of its ${body.length} bytes`)
  return { method, target: `${mount}/-/sum`, headers, body, wrong }
}

function wrongEcho(text: string, target: string, number: number): string | null {
  try {
    const { url, headers } = JSON.parse(text) as { url: string; headers: Record<string, string> }
    return url.endsWith(target) && headers['x-number'] === String(number)
      ? null
      : 'the reply to another request'
  } catch {
    return 'no JSON'
  }
}

/** Sends them and compares each reply with its request. */
export async function lossRun(run: LossRun): Promise<LossReport> {
  const { requests = run.until ? Number.POSITIVE_INFINITY : 2000, concurrency = 16 } = run
  const start = performance.now()
  const differences: string[] = []
  let [sent, lost, connections, over] = [0, 0, 0, false]
  run.until?.then(
    () => {
      over = true
    },
    () => {
      over = true
    },
  )
  const client = async () => {
    let wire: Wire | null = null
    while (sent < requests && !over) {
      const asked = question(run, sent++)
      if (wire === null) connections++
      const { wire: next, fault } = await ask(run, wire, asked)
      wire = next
      if (fault === null) continue
      lost++
      if (differences.length < 10)
        differences.push(`${asked.method} ${asked.target} (${asked.headers[0]}): ${fault}`)
    }
    wire?.close()
  }
  await Promise.all(Array.from({ length: concurrency }, client))
  return { sent, lost, differences, connections, milliseconds: Math.round(performance.now() - start) }
}

/** One request and its reply; `wire` is the connection for the next one, null if a new one is needed. */
async function ask(
  { port, kept = true }: LossRun,
  old: Wire | null,
  { method, target, headers, body, wrong }: Question,
): Promise<{ wire: Wire | null; fault: string | null }> {
  let wire = old
  try {
    if (wire === null) wire = await Wire.open({ port }, { method })
    else wire.again({ method })
    const all = [...headers, `Connection: ${kept ? 'keep-alive' : 'close'}`]
    const head = Buffer.from(headText({ method, target, headers: all, ...(body && { body }) }), 'latin1')
    void wire.send(body ? Buffer.concat([head, body]) : head)
    const reply = await wire.reply()
    const fault = faultOf(reply, wrong)
    const keep = kept && fault === null && !/close/i.test(reply.header('connection') ?? '')
    if (!keep) wire.close()
    return { wire: keep ? wire : null, fault }
  } catch (error) {
    wire?.close()
    return { wire: null, fault: (error as Error).message }
  }
}

function faultOf(reply: WireReply, wrong: Question['wrong']): string | null {
  const { status, complete, text, error } = reply
  const fault =
    status !== 200 ? `status ${status}` : complete ? wrong(text) : `cut off (${error ?? 'closed'})`
  return fault === null ? null : `${fault}: ${text.slice(0, 200)}`
}

/**
 * 2,000 GETs and 2,000 POSTs, none of which may be lost.
 * @param concurrencies how many concurrent requests: by default first one, then sixteen
 */
export function losesNone(
  { site, port, mount }: Pick<Subject, 'site' | 'port' | 'mount'>,
  concurrencies: readonly number[] = [1, 16],
): void {
  const runs = (['GET', 'POST'] as const).flatMap((method) => concurrencies.map((c) => [method, c] as const))
  describe('2,000 requests, none lost', () => {
    it.each(runs)(
      '%s, %i at a time',
      async (method, concurrency) => {
        const report = await lossRun({ port: port(), mount, method, concurrency })
        expect(report, site().log().slice(-2000)).toMatchObject({ sent: 2000, lost: 0, differences: [] })
      },
      60_000,
    )
  })
}
