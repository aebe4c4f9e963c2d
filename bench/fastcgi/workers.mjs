// Two processes on one socket: workers that share it, compared with node:cluster. Run with an argument, this
// file is one of the servers: { way, path }.
import { spawn } from 'node:child_process'
import cluster from 'node:cluster'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cpuOfTree, drive, median } from './measure.mjs'

const file = fileURLToPath(import.meta.url)

const limits = { maxConnections: 1e6, maxRequests: 1e6 }

/** Does the work of run() on a socket from node:cluster: run() itself does not listen through a cluster. */
const serveInCluster = async (path) => {
  const { installLightWeb } = await import('../../dist/app/web/install.js')
  installLightWeb()
  const [{ toHandler }, { Connection }, { Service }, { createWireServer }, { fetchApps }] = await Promise.all(
    [
      import('../../dist/app/handler.js'),
      import('../../dist/fastcgi/server/connection.js'),
      import('../../dist/serve/service.js'),
      import('../../dist/socket/wire-server.js'),
      import('./apps.mjs'),
    ],
  )
  const service = new Service(await toHandler(fetchApps.hello), limits)
  createWireServer((wire) => new Connection(wire, service)).listen(path)
}

const serve = async ({ way, path }) => {
  if (way.startsWith('cluster')) {
    if (cluster.isWorker) return serveInCluster(path)
    cluster.schedulingPolicy = way === 'cluster-shared' ? cluster.SCHED_NONE : cluster.SCHED_RR
    let left = 2
    cluster.on('listening', () => --left === 0 && console.error('listens'))
    for (let i = left; i > 0; i--) cluster.fork()
    return
  }
  const { run } = await import('../../dist/index.js')
  const { fetchApps } = await import('./apps.mjs')
  const workers = way === 'ours' ? 2 : 0
  const running = await run(fetchApps.hello, {
    server: 'fastcgi',
    listen: path,
    quiet: true,
    limits,
    workers,
  })
  // The second worker is started when the first one is ready.
  if (running.role === 'primary') setTimeout(() => console.error('listens'), 1000)
  else if (running.role === undefined) console.error('listens')
}

const once = async (way, keep, requests) => {
  const path = join(tmpdir(), `cgiup-bench-${process.pid}.sock`)
  rmSync(path, { force: true })
  const child = spawn(process.execPath, [file, JSON.stringify({ way, path })], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  try {
    await new Promise((resolve, reject) => {
      child.stderr.on('data', resolve)
      child.on('exit', () => reject(new Error(`${way} ended`)))
    })
    const load = { path, protocol: 'fastcgi', connections: 16, keep, requests }
    await drive(load)
    const before = cpuOfTree(child.pid)
    const { done, failed, p99 } = await drive(load)
    if (failed > 0) console.log(`  ${way}: ${failed} of ${requests} failed`)
    return { us: (cpuOfTree(child.pid) - before) / done, p99 }
  } finally {
    child.removeAllListeners('exit')
    const gone = new Promise((resolve) => child.on('exit', resolve))
    child.kill()
    await gone
    rmSync(path, { force: true })
  }
}

const ways = {
  alone: 'one process',
  ours: 'workers: 2',
  'cluster-shared': 'cluster of 2, SCHED_NONE',
  'cluster-round-robin': 'cluster of 2, round robin',
}

/** CPU of all processes of a server per request, measured in steps of 10 ms in total. */
export const measureWorkers = async ({ rounds, scaled, line }) => {
  for (const keep of [false, true]) {
    console.log(`workers, connections ${keep ? '' : 'not '}kept`)
    const seen = Object.fromEntries(Object.keys(ways).map((way) => [way, []]))
    for (let round = 0; round < rounds; round++)
      for (const way of Object.keys(ways))
        seen[way].push(await once(way, keep, scaled(keep ? 60_000 : 30_000)))
    const of = (way, key) => median(seen[way].map((one) => one[key]))
    for (const [way, name] of Object.entries(ways))
      line(name, of(way, 'us'), of(way, 'us') / of('alone', 'us'), undefined, of(way, 'p99'), 0)
  }
}

if (process.argv[1] === file && process.argv[2]) await serve(JSON.parse(process.argv[2]))
