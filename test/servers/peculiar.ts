/**
 * Cases that are difficult through Apache: HTTP/2 uploads without a length, long headers, long silence,
 * noticing a client disconnect.
 */

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { until } from '../support/processes.js'
import { request, send } from '../support/request.js'
import type { Place } from './traits.js'

/** Posts over HTTP/2 without a length, with curl. Returns the reply's body and the expected one. */
export async function http2Upload(url: string, size: number): Promise<[string, string]> {
  const body = Buffer.alloc(size, 'body ')
  const args = ['-sS', '--http2-prior-knowledge', '-m', '10', '-T', '-', '-X', 'POST', url]
  const reply = await new Promise<string>((resolve, reject) => {
    const child = execFile('curl', args, (error, stdout) => (error ? reject(error) : resolve(stdout)))
    child.stdin?.end(body)
  })
  return [reply, `${size} ${createHash('sha256').update(body).digest('hex')}`]
}

/** Header fields of 40 KB in total reach the app; as parameters they take several records. */
export async function longHeaders(port: number, mount: string): Promise<void> {
  const value = (i: number) => String(i).repeat(8000)
  const headers = Array.from({ length: 5 }, (_, i) => `X-Long-${i}: ${value(i)}`)
  const reply = await request({ port }, { target: `${mount}/-/echo`, headers })
  expect(reply.status).toBe(200)
  const seen = JSON.parse(reply.text).headers
  for (let i = 0; i < 5; i++) expect(seen[`x-long-${i}`]).toBe(value(i))
}

/** The server waits for a silent app only for its limit of one second; the app is notified. */
export async function silence(site: Place, port: number, mount: string, status: number): Promise<void> {
  const at = site.docroot.scratch()
  const reply = await request({ port }, { target: `${mount}/-/quiet?at=${at}` })
  expect(reply.status).toBe(status)
  expect(await until(() => existsSync(join(at, 'left')))).toBe(true)
  // A process that is about to end waits for it.
  writeFileSync(join(at, 'answer'), '')
}

/**
 * The server writes 64 KiB at a time, and detects a client disconnect at the second write: until then the app
 * streams on. A silent app is not notified.
 */
export async function leaveHeldBack(site: Place, port: number, mount: string): Promise<void> {
  const [silent, streaming] = [site.docroot.scratch(), site.docroot.scratch()]
  const quiet = await send({ port }, { target: `${mount}/-/quiet?at=${silent}` })
  const wire = await send({ port }, { target: `${mount}/-/leave?at=${streaming}` })
  const ticks = () => readFileSync(join(streaming, 'tick'), 'latin1').split('\n').length - 1
  expect(await until(() => existsSync(join(silent, 'waiting')) && existsSync(join(streaming, 'tick')))).toBe(
    true,
  )
  const before = ticks()
  quiet.close()
  wire.close()
  expect(await until(() => existsSync(join(streaming, 'left')), 15_000)).toBe(true)
  // A tick has 1000 bytes. Allows twice the necessary number: a busy machine reads the app's output late.
  expect(ticks() - before).toBeLessThan(262)
  expect(existsSync(join(silent, 'left'))).toBe(false)
  writeFileSync(join(silent, 'answer'), '')
}
