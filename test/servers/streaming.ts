/** Replies that arrive in chunks, and large ones. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type RawRequest, request, send } from '../support/request.js'
import type { Wire } from '../support/wire.js'
import { type Can, named, type Subject } from './traits.js'

const MiB = 1 << 20

/** Lets the app write its next chunk. */
function open(directory: string, name: string): void {
  writeFileSync(join(directory, name), '')
}

export function streaming(subject: Subject): void {
  const { site, port, mount, traits } = subject

  /** Reads three chunks; each is released only after the previous one has arrived. */
  async function inPieces(asked: RawRequest, at: string, shape: (text: string) => string): Promise<Wire> {
    const wire = await send({ port: port() }, asked)
    for (const [piece, next] of [['one', 'two'], ['two', 'three'], ['three']] as const) {
      await wire.until((seen) => seen.text.endsWith(shape(piece)))
      if (next) open(at, next)
    }
    return wire
  }

  const ask = async (name: string, streams: Can, shape: (text: string) => string) => {
    const at = site().docroot.scratch()
    const asked = { target: `${mount}/-/${name}?at=${at}` }
    if (streams === true) return (await inPieces(asked, at, shape)).reply()
    open(at, 'two')
    open(at, 'three')
    return request({ port: port() }, asked)
  }

  it(named('pieces of a reply come as they are written', traits.streams), async () => {
    const reply = await ask('pieces', traits.streams, (text) => `${text}\n`)
    expect(reply).toMatchObject({ status: 200, complete: true, text: 'one\ntwo\nthree\n' })
  })

  const events = traits.streamsEvents ?? traits.streams
  it(named('server-sent events come as they are written', events), async () => {
    const reply = await ask('events', events, (text) => `data: ${text}\n\n`)
    expect(reply).toMatchObject({
      status: 200,
      complete: true,
      text: 'data: one\n\ndata: two\n\ndata: three\n\n',
    })
    expect(reply.header('content-type')).toMatch(/^text\/event-stream/)
  })

  it('100 MiB to a slow reader', async () => {
    const wire = await send({ port: port() }, { target: `${mount}/-/large`, keep: false })
    await wire.until(() => wire.size > 1000)
    // The reader stalls until the system's buffers are full and the script must wait.
    wire.pause()
    await new Promise((resolve) => setTimeout(resolve, 150))
    wire.resume()
    const reply = await wire.reply()
    expect(reply).toMatchObject({ status: 200, complete: true, size: 100 * MiB, error: undefined })
  })

  // In a persistent process it ends the requests of others too.
  if (traits.persistent) return
  it('process.exit() right after the reply loses nothing', async () => {
    const reply = await request({ port: port() }, { target: `${mount}/-/exit` })
    expect(reply).toMatchObject({ status: 200, complete: true, size: MiB })
  })
}
