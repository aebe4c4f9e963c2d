/** Replies that break in their middle, and clients that leave. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { isAlive, until } from '../support/processes.js'
import { send } from '../support/request.js'
import { named, type Subject } from './traits.js'

export function endings({ site, app, port, mount, traits }: Subject): void {
  const left = app === 'fetch' || app === 'hono' ? 'signal\n' : 'close\n'

  it(named('a reply that breaks in its middle does not look whole', traits.showsBreak), async () => {
    const at = site().docroot.scratch()
    const wire = await send({ port: port() }, { target: `${mount}/-/break?at=${at}` })
    if (traits.streams === true) await wire.until(() => wire.text === 'part')
    writeFileSync(join(at, 'break'), '')
    const reply = await wire.reply().catch((error: Error) => error)
    if (reply instanceof Error) expect(traits.showsBreak).toBe(true)
    else expect(reply.complete && reply.status === 200).toBe(traits.showsBreak !== true)
  })

  it(
    named('the app hears of a client that leaves in the middle of the reply', traits.tellsLeave),
    async () => {
      const at = site().docroot.scratch()
      const wire = await send({ port: port() }, { target: `${mount}/-/leave?at=${at}` })
      if (traits.streams === true) await wire.until(() => wire.size > 0)
      else await until(() => existsSync(join(at, 'tick')))
      if (traits.leaveBy === 'reset') wire.reset()
      else wire.close()
      if (traits.tellsLeave === true) {
        expect(await until(() => existsSync(join(at, 'left')), 10_000)).toBe(true)
        expect(readFileSync(join(at, 'left'), 'utf8')).toBe(left)
      }
      const pid = Number.parseInt(readFileSync(join(at, 'tick'), 'utf8'), 10)
      expect(await until(() => !isAlive(pid), 10_000)).toBe(true)
    },
  )

  it(named('the app hears of a client that leaves before the reply', traits.tellsQuietLeave), async () => {
    const at = site().docroot.scratch()
    const wire = await send({ port: port() }, { target: `${mount}/-/quiet?at=${at}` })
    await until(() => existsSync(join(at, 'waiting')))
    if (traits.leaveBy === 'reset') wire.reset()
    else wire.close()
    if (traits.tellsQuietLeave === true) {
      expect(await until(() => existsSync(join(at, 'left')), 10_000)).toBe(true)
      expect(readFileSync(join(at, 'left'), 'utf8')).toBe(left)
    }
    writeFileSync(join(at, 'answer'), '')
  })
}
