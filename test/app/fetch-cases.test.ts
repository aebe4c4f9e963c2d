import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { fetchHandler } from '../../src/app/fetch.js'
import { Environment } from '../../src/env/environment.js'
import { cases, nameOf } from './fetch-cases.mjs'
import { ask, type Seen } from './fetch-exchange.mjs'

interface Wanted extends Partial<Omit<Seen, 'headers'>> {
  headers?: Record<string, string>
  /** Headers whose value is not compared. */
  loose?: string[]
  /** White space in the body does not count. */
  spaces?: boolean
}

function check(seen: Seen, wanted: Wanted): void {
  const { headers = {}, loose = [], spaces, body, ...rest } = wanted
  expect(seen).toMatchObject(rest)
  for (const [name, value] of Object.entries(headers)) {
    if (loose.includes(name)) expect(seen.headers).toHaveProperty(name)
    else expect(seen.headers).toHaveProperty([name], value)
  }
  if (body !== undefined) expect(spaces ? seen.body.replace(/\s/g, '') : seen.body).toBe(body)
}

const rows = cases.map((row, index) => [nameOf(row), row, index] as const)

describe("fetch apps with the platform's classes", () => {
  it.each(rows)('%s', async (_, [app, target, request, wanted]) => {
    const seen = await ask({ Environment, fetchHandler }, app, target, request)
    check(seen, wanted as Wanted)
  })
})

describe('fetch apps with the light classes', () => {
  let replies: Seen[]

  beforeAll(async () => {
    const file = fileURLToPath(new URL('fetch-light.mjs', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [file], { maxBuffer: 2 ** 24 })
    replies = JSON.parse(stdout)
  })

  it.each(rows)('%s', (_, [, , , wanted], index) => {
    check(replies[index] as Seen, wanted as Wanted)
  })
})
