/** Back-pressure through res and req. */
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline as pipelined } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { iterate, readBody, replyTo, text } from './node-exchange.js'

describe('back-pressure', () => {
  test('write() returns false at the high-water mark, and drain follows when the reader has read it', async () => {
    const log: unknown[] = []
    const reply = await replyTo((_, res) => {
      const size = res.writableHighWaterMark
      log.push(res.write(Buffer.alloc(size)), res.writableNeedDrain, res.writableLength >= size)
      res.on('drain', () => {
        log.push(`drain ${res.writableNeedDrain}`)
        res.end('end')
      })
    })
    await turn()
    expect(log).toEqual([false, true, true])
    await readBody(reply)
    expect(log).toEqual([false, true, true, 'drain false'])
  })

  test('a stream is not read faster than the reply', async () => {
    let made = 0
    const source = new Readable({
      read() {
        made += 16384
        this.push(made > 20_000_000 ? null : Buffer.alloc(16384))
      },
    })
    const reply = await replyTo((_, res) => void source.pipe(res))
    for (let i = 0; i < 20; i++) await turn()
    expect(made).toBeLessThan(500_000)
    expect((await readBody(reply)).length).toBe(made - 16384)
  })

  test('pipeline() continues after a write that had to wait', async () => {
    const reply = await replyTo(async (_, res) => {
      if (!res.write(Buffer.alloc(200_000))) await once(res, 'drain')
      await pipelined(Readable.from(['a', 'b']), res)
    })
    expect((await readBody(reply)).length).toBe(200_002)
  })

  test('write callbacks are called when the reader asks for more', async () => {
    const log: string[] = []
    const reply = await replyTo((_, res) => {
      res.write('a', () => log.push('a'))
      setImmediate(() => res.end('b', () => log.push('b')))
    })
    const pieces = iterate(reply)
    await pieces.next()
    await turn()
    expect(log).toEqual([])
    await pieces.next()
    expect(log).toEqual(['a'])
    await pieces.next()
    expect(log).toEqual(['a', 'b'])
  })

  test('the body is read only as fast as the app reads it', async () => {
    let given = 0
    const body = (async function* () {
      for (let i = 0; i < 1000; i++) {
        given++
        yield Buffer.alloc(16384)
      }
    })()
    let read = () => {}
    const reply = replyTo(
      (req, res) => {
        req.once('readable', () => {})
        read = () => void req.resume().on('end', () => res.end(`${given}`))
      },
      '/',
      { body },
    )
    for (let i = 0; i < 50; i++) await turn()
    expect(given).toBeLessThan(10)
    read()
    expect(await text(await reply)).toBe('1000')
  })
})
