// Responders in other languages, if they are installed; those that are skipped are listed.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cpuOfTree, drive, median, startServer, verdict } from './measure.mjs'

const source = (name) => fileURLToPath(new URL(`./peers/${name}`, import.meta.url))
const works = (command, args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0

const fpmConfig = (directory, path) => `
[global]
error_log = ${directory}/fpm.log
daemonize = no
[bench]
listen = ${path}
pm = static
pm.max_children = 8
pm.max_requests = 0
`

/** name -> makes the program ready; returns its command, or null if it is not installed. */
const peers = {
  'Go net/http/fcgi': {
    debian: 'golang-go',
    prepare(directory, path) {
      const program = join(directory, 'hello-go')
      return works('go', ['build', '-o', program, source('hello.go')]) ? [program, [path]] : null
    },
  },
  libfcgi: {
    debian: 'libfcgi-dev, gcc',
    prepare(directory, path) {
      const program = join(directory, 'hello-c')
      return works('gcc', ['-O2', '-o', program, source('hello.c'), '-lfcgi']) ? [program, [path]] : null
    },
  },
  'php-fpm': {
    debian: 'php-fpm',
    fields: { SCRIPT_FILENAME: source('hello.php') },
    prepare(directory, path) {
      const program = ['/usr/sbin/php-fpm', '/usr/sbin/php-fpm8.4', '/usr/sbin/php-fpm8.2'].find((file) =>
        existsSync(file),
      )
      if (program === undefined) return null
      const file = join(directory, 'fpm.conf')
      writeFileSync(file, fpmConfig(directory, path))
      const root = process.getuid() === 0 ? ['-R'] : []
      return [program, ['-F', '-n', '-y', file, ...root]]
    },
  },
}

/** The CPU that cgiup may use, as a fraction of what each of these uses. */
const goals = { 'Go net/http/fcgi': 0.2, 'node-fastcgi': 0.25 }

const until = async (condition) => {
  for (let i = 0; i < 250 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 20))
}

const oncePeer = async ([command, args], path, fields, requests) => {
  rmSync(path, { force: true })
  const child = spawn(command, args, { stdio: 'ignore', detached: true })
  try {
    await until(() => existsSync(path))
    const load = { path, protocol: 'fastcgi', fields }
    await drive({ ...load, requests })
    const before = cpuOfTree(child.pid)
    const result = await drive({ ...load, requests })
    return { us: (cpuOfTree(child.pid) - before) / result.done, p99: result.p99, rss: 0 }
  } finally {
    process.kill(-child.pid, 'SIGKILL')
    await new Promise((resolve) => child.on('exit', resolve))
  }
}

const onceOurs = async (what, requests) => {
  const server = await startServer(what)
  try {
    const load = { path: server.path, protocol: server.protocol }
    await drive({ ...load, requests })
    const before = await server.usage()
    const result = await drive({ ...load, requests })
    const after = await server.usage()
    return { us: (after.cpu - before.cpu) / result.done, p99: result.p99, rss: after.rss }
  } finally {
    await server.stop()
  }
}

export const measurePeers = async ({ rounds, scaled, line }) => {
  console.log('peers, hello over kept connections')
  const directory = mkdtempSync(join(tmpdir(), 'cgiup-bench-peers-'))
  const requests = scaled(20_000)
  const runs = [
    ['node:http', (n) => onceOurs({ server: 'http', app: 'hello', style: 'node' }, n)],
    ['cgiup fetch', (n) => onceOurs({ server: 'cgiup', app: 'hello', style: 'fetch' }, n)],
    ['node-fastcgi', (n) => onceOurs({ server: 'node-fastcgi', app: 'hello', style: 'node' }, n)],
  ]
  for (const [name, { debian, fields, prepare }] of Object.entries(peers)) {
    const path = join(directory, `${name.replace(/\W/g, '')}.sock`)
    const command = prepare(directory, path)
    if (command === null) console.log(`  ${name}: skipped, not installed (Debian: ${debian})`)
    else runs.push([name, (n) => oncePeer(command, path, fields, n)])
  }
  const seen = runs.map(() => [])
  for (let round = 0; round < rounds; round++)
    for (const [i, [, once]] of runs.entries()) seen[i].push(await once(requests))
  const of = (i, key) => median(seen[i].map((one) => one[key]))
  for (const [i, [name]] of runs.entries())
    line(name, of(i, 'us'), of(i, 'us') / of(0, 'us'), undefined, of(i, 'p99'), of(i, 'rss'))
  const ours = of(1, 'us')
  for (const [i, [name]] of runs.entries())
    if (name in goals)
      console.log(
        `  cgiup fetch against ${name}: ${(ours / of(i, 'us')).toFixed(2)}${verdict(ours / of(i, 'us'), goals[name])}`,
      )
  rmSync(directory, { recursive: true })
}
