#!/usr/bin/env node
// The app for tests of process life: reports its pid and version, can be slow, records how it ends.
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import { run } from 'cgiup'
import { version } from './version.mjs'

const note = (line) => process.env.LIFE && appendFileSync(process.env.LIFE, `${process.pid} ${line}\n`)
note('start')
process.on('exit', (code) => note(`exit ${code}`))

const opened = async (file) => {
  while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 10))
}
const held = []

const app = {
  async fetch(request) {
    const { url } = request
    const { pathname, searchParams } = new URL(url)
    if (pathname === '/pid') return new Response(String(process.pid))
    if (pathname === '/version') return new Response(version)
    if (pathname === '/env')
      return Response.json(Object.keys(process.env).filter((name) => name.startsWith('LISTEN_')))
    if (pathname === '/slow') {
      const gate = searchParams.get('at')
      writeFileSync(`${gate}.begun`, String(process.pid))
      await opened(gate)
      return new Response(`slow ${process.pid}`)
    }
    if (pathname === '/grow') {
      held.push(Buffer.alloc(Number(searchParams.get('bytes')), 1))
      return new Response(String(held.length))
    }
    if (pathname === '/exit') process.exit(3)
    if (pathname === '/crash')
      setImmediate(() => {
        throw new Error('nobody catches this')
      })
    if (pathname === '/crash') await new Promise(() => {})
    if (pathname === '/-/sum') {
      const body = Buffer.from(await request.arrayBuffer())
      return new Response(`${body.length} ${createHash('sha256').update(body).digest('hex')}`)
    }
    return Response.json({ url, headers: Object.fromEntries(request.headers) })
  },
}

if (process.env.OWN_HANDLER)
  process.on('SIGTERM', () =>
    setTimeout(() => {
      process.stderr.write('the app has ended\n')
      process.exit(7)
    }, 300),
  )

run(app, JSON.parse(process.env.RUN_OPTIONS || '{}')).then(() => note('serves'))
