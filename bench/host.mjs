/**
 * What the local host adds to a script: per request, the time and the CPU of this process, compared with a
 * plain spawn of the same script. Run with `npm run bench:host`.
 *
 * plain     child_process.spawn, output collected, exit awaited
 * handler   cgiBin() called in memory
 * http      everything: HTTP server, cgiBin(), a client in another process on one kept connection
 */
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildEnv } from '../dist/env/build.js'
import { Environment } from '../dist/env/environment.js'
import { cgiBin, mount, serve } from '../dist/host.js'

const rounds = Number(process.env.ROUNDS ?? 9)
const perRound = Number(process.env.REQUESTS ?? 60)

const directory = mkdtempSync(join(tmpdir(), 'cgiup-bench-'))
const file = join(directory, 'hello.sh')
writeFileSync(file, "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello from sh\\n'\n")
chmodSync(file, 0o755)
const handler = mount({ '/cgi-bin': cgiBin(directory, { development: false }) })

const headers = ['Host', 'localhost', 'User-Agent', 'bench', 'Accept', '*/*']
const list = buildEnv({
  method: 'GET',
  target: '/cgi-bin/hello.sh',
  httpVersion: '1.1',
  headers,
  scheme: 'http',
})
const env = Object.fromEntries(list.flatMap((name, i) => (i % 2 ? [] : [[name, list[i + 1]]])))
env.PATH = process.env.PATH

function plain() {
  return new Promise((resolve) => {
    const child = spawn(file, [], { env, cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] })
    let size = 0
    child.stdout.on('data', (data) => {
      size += data.length
    })
    child.on('close', () => resolve(size))
  })
}

async function handled() {
  const exchange = {
    env: new Environment(list),
    stdin: { length: 0, read: async () => null, cancel() {} },
    signal: new AbortController().signal,
    gateway: { protocol: 'memory', role: 'responder', runOnce: false, multiprocess: false },
    stderr() {},
    waitUntil() {},
  }
  const reply = await handler(exchange)
  let size = 0
  for await (const piece of reply.body) size += piece.length
  return size
}

/**
 * Another process that sends requests one after the other: each line that it reads is a number of requests.
 */
const clientCode = `
import { connect } from 'node:net'
const socket = connect(Number(process.argv[1]), '127.0.0.1').setNoDelay()
const request = 'GET /cgi-bin/hello.sh HTTP/1.1\\r\\nHost: localhost\\r\\nUser-Agent: bench\\r\\nAccept: */*\\r\\n\\r\\n'
let left = 0, seen = ''
socket.on('data', (data) => {
  seen += data
  if (!seen.endsWith('0\\r\\n\\r\\n')) return
  seen = ''
  if (--left > 0) socket.write(request)
  else process.stdout.write('done\\n')
})
process.stdin.on('data', (data) => { left = Number(data); socket.write(request) })
`
const server = await serve(handler, { port: 0 })
const client = spawn(
  process.execPath,
  ['--input-type=module', '-e', clientCode, String(server.address.port)],
  {
    stdio: ['pipe', 'pipe', 'inherit'],
  },
)
function http(count) {
  return new Promise((resolve) => {
    client.stdout.once('data', resolve)
    client.stdin.write(`${count}\n`)
  })
}

async function measure(run) {
  const cpu = process.cpuUsage()
  const start = process.hrtime.bigint()
  await run()
  const wall = Number(process.hrtime.bigint() - start) / 1e6
  const { user, system } = process.cpuUsage(cpu)
  return { wall: wall / perRound, cpu: (user + system) / 1000 / perRound }
}

const repeat = (one) => async () => {
  for (let i = 0; i < perRound; i++) await one()
}
const kinds = { plain: repeat(plain), handler: repeat(handled), http: () => http(perRound) }
const results = { plain: [], handler: [], http: [] }
for (const run of Object.values(kinds)) await run() // warm-up
for (let round = 0; round < rounds; round++) {
  for (const [name, run] of Object.entries(kinds)) results[name].push(await measure(run))
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
const rows = Object.entries(results).map(([name, all]) => ({
  name,
  wall: median(all.map((one) => one.wall)),
  cpu: median(all.map((one) => one.cpu)),
}))
const [base] = rows
console.log(
  `Node ${process.version}, ${rounds} x ${perRound} requests to a POSIX shell script, ms per request (median)`,
)
for (const { name, wall, cpu } of rows) {
  const more =
    name === 'plain'
      ? ''
      : `   over plain: wall +${(wall - base.wall).toFixed(2)}, CPU +${(cpu - base.cpu).toFixed(2)}`
  console.log(`${name.padEnd(8)} wall ${wall.toFixed(2)}  CPU of the host ${cpu.toFixed(2)}${more}`)
}

client.kill()
await server.close()
rmSync(directory, { recursive: true })
