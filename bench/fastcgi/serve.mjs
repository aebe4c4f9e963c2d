// One server in its own process. argv: { server, app, style }. Sends its socket over IPC, and its CPU and
// memory use on request.
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expressApp, fetchApps, honoApp, nodeApps } from './apps.mjs'

const { server, app, style, protocol } = JSON.parse(process.argv[2])
const path = join(tmpdir(), `cgiup-bench-${process.pid}.sock`)

const appOf = async () => {
  if (app === 'hono') return honoApp()
  if (app === 'express') return expressApp()
  return (style === 'fetch' ? fetchApps : nodeApps)[app]
}

const listen = async (listening) => {
  listening.listen(path)
  await once(listening, 'listening')
}

// node:http is loaded only where it is used: from Node 22 on it loads the platform's Response, and the light
// one is then not installed.
const servers = {
  async http() {
    const { createServer } = await import('node:http')
    await listen(createServer({ keepAliveTimeout: 60_000 }, await appOf()))
  },
  async 'hono-node-server'() {
    const { createServer } = await import('node:http')
    const { getRequestListener } = await import('@hono/node-server')
    await listen(createServer({ keepAliveTimeout: 60_000 }, getRequestListener((await appOf()).fetch)))
  },
  async 'node-fastcgi'() {
    const { createServer: create } = await import('node-fastcgi')
    await listen(create(await appOf()))
  },
  async cgiup() {
    const { handler, run } = await import('../../dist/index.js')
    const bare = () => ({
      status: 200,
      headers: ['content-type', 'text/plain', 'content-length', '12'],
      body: 'hello world\n',
    })
    const limits = { maxRequests: 1e6, maxConnections: 1e6, maxRequestsPerConnection: 1e6 }
    const what = style === 'handler' ? handler(bare) : await appOf()
    await run(what, { server: protocol ?? 'fastcgi', listen: path, quiet: true, limits })
  },
}

process.on('message', (message) => {
  if (message === 'collect') for (let i = 0; i < 4; i++) globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  const { heapUsed, external, rss } = process.memoryUsage()
  process.send({ user, system, cpu: user + system, rss, heap: heapUsed + external })
})
process.on('disconnect', () => process.exit())
const removeSocket = () => rmSync(path, { force: true })
process.on('exit', removeSocket)
// Left by a killed process with the same pid.
removeSocket()
await servers[server]()
process.send({ path, protocol: /http|hono/.test(server) ? 'http' : (protocol ?? 'fastcgi') })
