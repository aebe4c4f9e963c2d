/** What is hard to get through Apache: uploads without a length over HTTP/2, long headers, long silence. */

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { until } from '../support/processes.js'
import { request } from '../support/request.js'
import type { Place } from './traits.js'

/** Posts over HTTP/2 without a length, with curl. Gives the reply's body and what it has to be. */
export async function http2Upload(url: string, size: number): Promise<[string, string]> {
  const body = Buffer.alloc(size, 'body ')
  const args = ['-sS', '--http2-prior-knowledge', '-m', '10', '-T', '-', '-X', 'POST', url]
  const reply = await new Promise<string>((resolve, reject) => {
    const child = execFile('curl', args, (error, stdout) => (error ? reject(error) : resolve(stdout)))
    child.stdin?.end(body)
  })
  return [reply, `${size} ${createHash('sha256').update(body).digest('hex')}`]
}

/** Header fields of 40 KB in all reach the app; as parameters they take several records. */
export async function longHeaders(port: number, mount: string): Promise<void> {
  const value = (i: number) => String(i).repeat(8000)
  const headers = Array.from({ length: 5 }, (_, i) => `X-Long-${i}: ${value(i)}`)
  const reply = await request({ port }, { target: `${mount}/-/echo`, headers })
  expect(reply.status).toBe(200)
  const seen = JSON.parse(reply.text).headers
  for (let i = 0; i < 5; i++) expect(seen[`x-long-${i}`]).toBe(value(i))
}

/** The server waits for a silent app no longer than its limit of a second; the app is told. */
export async function silence(site: Place, port: number, mount: string, status: number): Promise<void> {
  const at = site.docroot.scratch()
  const reply = await request({ port }, { target: `${mount}/-/quiet?at=${at}` })
  expect(reply.status).toBe(status)
  expect(await until(() => existsSync(join(at, 'left')))).toBe(true)
  // A process that is to end waits for it.
  writeFileSync(join(at, 'answer'), '')
}
