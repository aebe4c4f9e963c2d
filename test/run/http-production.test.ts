/** An HTTP server in production, behind a proxy: its end loses no request that has reached it. */
import { writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { freePort } from '../support/ports.js'
import { signalProcess } from '../support/processes.js'
import { startServer } from '../support/server-process.js'
import { tempDir } from '../support/temp.js'

const app = `import { run } from '${new URL('../../dist/index.js', import.meta.url).href}'
console.log('from the app')
await run({
  async fetch(request) {
    await new Promise((resolve) => setTimeout(resolve, 2))
    return new Response(new URL(request.url).pathname)
  },
}, { port: Number(process.argv[2]), mount: '/here' })
`

interface Outcome {
  answered: number
  /** Requests that were sent and got no reply, or a wrong one. */
  lost: string[]
}

/** 16 clients that send requests until nothing listens any more. */
async function ask(port: number, keepAlive: boolean, begun: () => void): Promise<Outcome> {
  const agent = new Agent({ keepAlive, maxSockets: 16 })
  const outcome: Outcome = { answered: 0, lost: [] }
  let open = true
  const one = (number: number) =>
    new Promise<void>((resolve) => {
      const failed = (error: NodeJS.ErrnoException) => {
        // Refused, or reset by the kernel while connecting: no byte of a request was sent, so every proxy
        // reconnects.
        if (error.syscall === 'connect') open = false
        else outcome.lost.push(String(error))
        resolve()
      }
      get({ port, path: `/here/${number}`, agent }, (reply) => {
        let text = ''
        reply.setEncoding('utf8').on('data', (piece: string) => {
          text += piece
        })
        reply.on('error', failed).on('end', () => {
          if (text !== `/${number}`) outcome.lost.push(text)
          else if (++outcome.answered === 200) begun()
          resolve()
        })
      }).on('error', failed)
    })
  const client = async (number: number) => {
    while (open) await one(number)
  }
  await Promise.all(Array.from({ length: 16 }, (_, number) => client(number)))
  agent.destroy()
  return outcome
}

describe('run(app) as an HTTP server with NODE_ENV=production', () => {
  it.each([
    ['kept', true],
    ['closed after each request', false],
  ])('SIGTERM under load, connections %s: none is lost, exit code 0', async (_, keepAlive) => {
    const file = join(tempDir('http'), 'app.mjs')
    writeFileSync(file, app)
    const port = await freePort()
    const env = { ...process.env, NODE_ENV: 'production' }
    const server = await startServer(process.execPath, [file, String(port)], { listens: { port }, env })
    const outcome = await ask(port, keepAlive, () => signalProcess(server.pid, 'SIGTERM'))
    expect(outcome.lost).toEqual([])
    expect(outcome.answered).toBeGreaterThanOrEqual(200)
    expect(server.output()).toContain('from the app')
    expect(server.output()).toContain(`cgiup: http://127.0.0.1:${port}/here/ (HTTP: `)
    expect(await server.stop()).toEqual([])
    expect(server.exit()).toEqual({ code: 0, signal: null })
  })
})
