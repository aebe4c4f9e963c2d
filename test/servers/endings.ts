/** Replies that break partway, and clients that disconnect. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { isAlive, until } from '../support/processes.js'
import { headText, send } from '../support/request.js'
import { Wire } from '../support/wire.js'
import { named, type Subject, type Traits } from './traits.js'

/** What the app has reported to the test so far. */
function told(directory: string, name: string): string {
  const file = join(directory, name)
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

/** True if the app reports nothing more about the request: it has stopped working for a disconnected client. */
async function standsStill(directory: string, name: string): Promise<boolean> {
  const before = told(directory, name)
  await new Promise((resolve) => setTimeout(resolve, 60))
  return told(directory, name) === before
}

/** Sends a request that the test will abandon. */
export async function begin(
  { port, traits }: Pick<Subject, 'port' | 'traits'>,
  target: string,
): Promise<Wire> {
  if (traits.leaveBy === 'close') return send({ port: port() }, { target })
  const wire = await Wire.open({ port: port() })
  await wire.send('GET /no/such/page HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await wire.reply()
  wire.again()
  // The process must be waiting for the next request, not reading already; nothing shows when it is.
  await new Promise((resolve) => setTimeout(resolve, 100))
  await wire.send(headText({ target }))
  return wire
}

export function leave(wire: Wire, { leaveBy }: Traits): void {
  if (leaveBy === 'reset') wire.reset()
  else wire.close()
}

export function endings(subject: Subject): void {
  const { site, app, port, mount, traits } = subject
  const left = app === 'fetch' || app === 'hono' ? 'signal\n' : 'close\n'

  it.each([
    [named('a reply that breaks partway does not look whole', traits.showsBreak), 'break', traits.showsBreak],
    [named('nor does one that announced its length', traits.showsShort), 'short', traits.showsShort],
  ] as const)('%s', async (_, name, shows) => {
    const at = site().docroot.scratch()
    const wire = await send({ port: port() }, { target: `${mount}/-/${name}?at=${at}` })
    await until(() => told(at, 'begun') !== '')
    if (traits.streams === true) await wire.until(() => wire.text === 'part')
    writeFileSync(join(at, 'break'), '')
    const reply = await wire.reply().catch((error: Error) => error)
    if (reply instanceof Error) expect(reply.message).toBe('no reply: connection closed')
    else if (shows === true) expect(reply.complete && reply.status === 200).toBe(false)
    // If the server buffers the reply, it may break before the head was sent: then the reply is an error
    // page.
    else if (traits.streams !== true && reply.status === 500) expect(reply.text).not.toContain('part')
    // Apache mod_fcgid appends an error page. A server that cannot always show the break may sometimes do so,
    // if it detects the break before it has sent anything: that is as good.
    else {
      const text = reply.complete ? /^part(<|$)/ : /^(part)?$/
      expect(reply).toMatchObject({ status: 200, text: expect.stringMatching(text) })
    }
  })

  it(named('the app notices a client disconnect in the middle of the reply', traits.tellsLeave), async () => {
    const at = site().docroot.scratch()
    const wire = await begin(subject, `${mount}/-/leave?at=${at}`)
    if (traits.streams === true) await wire.until(() => wire.size > 0)
    else await until(() => told(at, 'tick') !== '')
    leave(wire, traits)
    if (traits.tellsLeave === true) {
      await until(() => told(at, 'left') !== '', 10_000)
      expect(told(at, 'left')).toBe(left)
    }
    const pid = Number.parseInt(told(at, 'tick'), 10)
    if (!traits.persistent) expect(await until(() => !isAlive(pid), 10_000)).toBe(true)
    else {
      expect(isAlive(pid)).toBe(true)
      if (traits.tellsLeave === true) expect(await until(() => standsStill(at, 'tick'))).toBe(true)
    }
  })

  it(named('the app notices a client disconnect before the reply', traits.tellsQuietLeave), async () => {
    const at = site().docroot.scratch()
    const wire = await begin(subject, `${mount}/-/quiet?at=${at}`)
    await until(() => told(at, 'waiting') !== '')
    leave(wire, traits)
    if (traits.tellsQuietLeave === true) {
      await until(() => told(at, 'left') !== '', 10_000)
      expect(told(at, 'left')).toBe(left)
    }
    writeFileSync(join(at, 'answer'), '')
  })
}
