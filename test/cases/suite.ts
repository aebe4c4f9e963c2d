/** Runs the shared behaviour suite through gateways; call it at the top level of a test file. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { until } from '../support/processes.js'
import { apps } from './apps.js'
import type { Answer, Case, Expectation, Gateway, Site, Style } from './case.js'
import { cases } from './cases.js'

export function suite(gateways: readonly Gateway[]): void {
  // A file without any test counts as an error.
  if (gateways.length === 0) it.skip('no gateway here to run through', () => {})
  describe.each(gateways)('through $name', (gateway) => {
    describe.each(['fetch', 'node'] as const)('a %s app', (style) => {
      let site: Promise<Site> | undefined
      const ours = cases.filter((one) => runs(one, gateway, style))
      afterAll(async () => (await site)?.close())

      for (const one of cases) {
        const reason = gateway.not?.[one.name]
        if (reason !== undefined) it.skip(`cannot: ${one.name} (${reason})`, () => {})
      }
      it.concurrent.each(ours.map((one) => [one.name, one.clause, one] as const))(
        '%s (%s)',
        async (_, __, one) => {
          site ??= gateway.open(style)
          const answer = await (await site).request(one)
          await check(answer, typeof one.expect === 'function' ? one.expect(style) : one.expect)
        },
      )
    })
  })
}

function runs(one: Case, gateway: Gateway, style: Style): boolean {
  if (style === 'node' && apps[one.app]?.node === null) return false
  if (one.not?.[gateway.name] !== undefined || gateway.not?.[one.name] !== undefined) return false
  return gateway.cannot?.(one.request ?? {}) === undefined
}

async function check(answer: Answer, expected: Expectation): Promise<void> {
  const text = Buffer.from(answer.body).toString()
  const said = () => `${answer.status} ${text.slice(0, 300)}\n--- stderr\n${answer.stderr().slice(-2000)}`
  expect(answer.status, said()).toBe(expected.status ?? 200)
  if (expected.reason !== undefined) expect(answer.reason).toBe(expected.reason)
  for (const [name, wanted] of Object.entries(expected.headers ?? {})) checkHeader(answer, name, wanted)
  if (expected.json !== undefined) expect(JSON.parse(text)).toMatchObject(expected.json as object)
  const { body } = expected
  if (body instanceof RegExp) expect(text).toMatch(body)
  else if (body instanceof Uint8Array)
    expect(Buffer.compare(answer.body, body), 'the bytes of the body').toBe(0)
  else if (body !== undefined) expect(text).toBe(body)
  expect(answer.complete, said()).toBe(expected.cut !== true)
  const { stderr, note } = expected
  if (note) await checkNote(note)
  if (stderr) {
    await until(() => stderr.test(answer.stderr()))
    expect(answer.stderr()).toMatch(stderr)
  }
}

function checkHeader(answer: Answer, name: string, wanted: string | RegExp | readonly string[] | null): void {
  const values = answer.values(name)
  if (wanted === null) expect(values, name).toEqual([])
  else if (Array.isArray(wanted)) expect(values, name).toEqual(wanted)
  else if (wanted instanceof RegExp) expect(values.join(', '), name).toMatch(wanted)
  else expect(values.join(', '), name).toBe(wanted)
}

async function checkNote({ file, text }: NonNullable<Expectation['note']>): Promise<void> {
  const read = () => (existsSync(file) ? readFileSync(file, 'utf8') : '')
  await until(() => read() === text)
  expect(read()).toBe(text)
  rmSync(file)
}
