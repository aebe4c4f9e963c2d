/** Large and streamed replies: reused memory, back-pressure, callbacks. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { toHandler } from '../../src/app/handler.js'
import type { App } from '../../src/app/types.js'
import { Response as LightResponse } from '../../src/app/web/response.js'
import { get } from './peer.js'
import { serve } from './serving.js'

const SIZE = 300_000
const same = (body: string, letter: string): boolean => body === letter.repeat(SIZE)
const response = (bytes: Uint8Array) =>
  new LightResponse(bytes, { headers: { 'content-type': 'text/plain' } }) as unknown as Response

describe('bytes in a Response', () => {
  test('are those of the moment in which it was made, whatever the app does with its buffer', async () => {
    const scratch = new Uint8Array(SIZE)
    let requests = 0
    const { peer } = await serve(
      await toHandler({
        fetch: () => {
          scratch.fill(97 + requests++)
          const made = response(scratch)
          scratch.fill(33)
          return made
        },
      }),
    )
    const peers = [peer(), peer()]
    for (let id = 1; id <= 10; id++) for (const one of peers) one.send(get(id))
    const bodies: string[] = []
    for (let id = 1; id <= 10; id++) for (const one of peers) bodies.push((await one.ended(id)).body)
    expect(requests).toBe(20)
    for (const body of bodies) expect(same(body, body[0] as string)).toBe(true)
    expect(new Set(bodies.map((body) => body[0])).size).toBe(20)
  })

  test('of a Response that the app keeps and clones stay what they are', async () => {
    const kept = response(new Uint8Array(SIZE).fill(107))
    const read = response(new Uint8Array(SIZE).fill(114))
    const { peer } = await serve(
      await toHandler({
        fetch: async (request) => {
          const { pathname } = new URL(request.url)
          if (pathname === '/kept') return kept.clone()
          if (pathname === '/body') return new LightResponse(read.clone().body, read) as unknown as Response
          return response(new Uint8Array(SIZE).fill(111))
        },
      }),
    )
    const one = peer()
    const paths = ['/kept', '/other', '/body', '/other', '/kept', '/body', '/other', '/kept', '/body']
    for (const [i, path] of paths.entries()) {
      one.send(get(i + 1, ['HTTP_HOST', 'localhost', 'REQUEST_URI', path]))
      const { body } = await one.ended(i + 1)
      expect([path, same(body, path[1] === 'b' ? 'r' : (path[1] as string))]).toEqual([path, true])
    }
  })
})

describe('a Node app that writes and waits', () => {
  const served = async (app: (req: IncomingMessage, res: ServerResponse) => void) => {
    const { peer } = await serve(await toHandler(app as App))
    const one = peer()
    one.send(get(1))
    return one.ended(1)
  }

  test("write() says when to wait, 'drain' when to go on, callbacks come in order, 'finish' last", async () => {
    const seen: string[] = []
    let waits = 0
    const { body } = await served((_req, res) => {
      let left = 40
      const more = (): void => {
        while (left > 0) {
          const number = 41 - left--
          if (res.write(Buffer.alloc(50_000, 120), () => seen.push(`${number}`))) continue
          waits++
          res.once('drain', more)
          return
        }
        res.on('finish', () => seen.push('finish'))
        res.end('.')
      }
      more()
    })
    expect(body.length).toBe(40 * 50_000 + 1)
    expect(waits).toBeGreaterThan(5)
    expect(seen).toEqual([...Array.from({ length: 40 }, (_, i) => `${i + 1}`), 'finish'])
  })

  test('text of several writes in one turn goes out together, in UTF-8', async () => {
    const answer = await served((_req, res) => {
      res.write('é')
      setImmediate(() => {
        res.write('€ und ')
        res.write('x'.repeat(70_000))
        res.write(Buffer.from('日本'))
        setImmediate(() => res.end('fin'))
      })
    })
    expect(Buffer.from(answer.body, 'latin1').toString()).toBe(`é€ und ${'x'.repeat(70_000)}日本fin`)
  })
})
