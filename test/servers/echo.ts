/** What the fetch app sees of a request that a server has passed on. */

import { expect } from 'vitest'
import { request } from '../support/request.js'

export interface Seen {
  readonly url: string
  readonly below: string
  readonly mount: string
  readonly user?: string
  readonly headers: Readonly<Record<string, string>>
}

/** @param target begins with the mount path; `/-/echo` follows */
export async function echo(port: number, target: string, headers: readonly string[] = []): Promise<Seen> {
  const reply = await request({ port }, { target, headers: ['Host: example.org', ...headers] })
  expect(reply).toMatchObject({ status: 200, complete: true })
  return JSON.parse(reply.text)
}
