/** Where a process listens: sockets that it inherits, several of them, and Unix sockets that it creates. */

import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { get, Peer } from '../fastcgi/peer.js'
import { needs } from '../support/needs.js'
import { freePort } from '../support/ports.js'
import { isAlive, signalProcess, until } from '../support/processes.js'
import { request } from '../support/request.js'
import { isListening, startServer } from '../support/server-process.js'
import { exitOf, gone, makePlace, type Place, startApp } from './place.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

const fdOf = (server: Server) => (server as unknown as { _handle: { fd: number } })._handle.fd

/** A listening socket that nobody accepts on, to be inherited by a child. */
async function listening(place: { path: string } | { host: string; port: number }): Promise<Server> {
  const server = createServer()
  // Node removes the path when it closes the descriptor that it bound.
  const bound = 'path' in place ? { path: `${place.path}.draft` } : place
  await new Promise<void>((resolve) => server.listen(bound, resolve))
  if ('path' in place) renameSync(`${place.path}.draft`, place.path)
  cleanups.push(() => server.close())
  return server
}

const asked = get(1, ['REQUEST_URI', '/pid'], false)

const fastcgi = async (path: string | number): Promise<string> => {
  const peer = new Peer(path)
  peer.send(asked)
  return (await peer.ended(1)).body
}

/** The reply to a FastCGI request on a socket that does not speak FastCGI. */
const noFastcgi = async (path: string): Promise<string> => {
  const socket = connect(path).on('error', () => {})
  let text = ''
  socket.on('data', (data) => {
    text += data
  })
  socket.write(asked, 'latin1')
  await new Promise((resolve) => socket.on('close', resolve))
  return text
}

const http = async (address: { path: string } | { port: number }, target = '/pid') =>
  (await request(address, { target })).text

/** Starts the app as systemd would, with these sockets on descriptors 3 and up. */
async function activate(place: Place, servers: Server[], env: NodeJS.ProcessEnv, args = '') {
  const cgiup = join(place.directory, 'bin/cgiup')
  const child = spawn('sh', ['-c', `LISTEN_PID=$$ exec ${cgiup} ${place.app} ${args}`], {
    stdio: ['ignore', 'pipe', 'pipe', ...servers.map(fdOf)],
    env: { ...place.env, LISTEN_FDS: String(servers.length), NODE_ENV: 'production', ...env },
    cwd: place.run,
  })
  let output = ''
  child.stderr?.on('data', (data) => {
    output += data
  })
  // From now on only the app has these sockets open.
  for (const server of servers) server.close()
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
  cleanups.push(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return { pid: child.pid as number, ended, output: () => output, end: () => child.kill('SIGTERM') }
}

describe('LISTEN_FDS', () => {
  it('several sockets, each restricted by its name in LISTEN_FDNAMES, or detected by the first byte', async () => {
    const place = makePlace()
    const path = (name: string) => join(place.run, name)
    const tcp = await listening({ host: '127.0.0.1', port: 0 })
    const { port } = tcp.address() as { port: number }
    const servers = [await listening({ path: path('a') }), await listening({ path: path('b') }), tcp]
    const app = await activate(place, servers, { LISTEN_FDNAMES: 'fastcgi:http:app.socket' })
    expect(await fastcgi(path('a'))).toBe(String(app.pid))
    expect(await http({ path: path('b') })).toBe(String(app.pid))
    expect(await fastcgi(port)).toBe(String(app.pid))
    // Over TCP a client could bypass the web server.
    await expect(http({ port })).rejects.toThrow()
    expect(await until(() => app.output().includes('closed an HTTP connection from 127.0.0.1'))).toBe(true)
    // A socket named for one protocol accepts only that one.
    await expect(http({ path: path('a') })).rejects.toThrow()
    expect(await until(() => app.output().includes('HTTP'))).toBe(true)
    expect(await noFastcgi(path('b'))).toMatch(/^HTTP\/1\.1 400/)
    // Child processes of the app must not inherit the variables.
    expect(await http({ path: path('b') }, '/env')).toBe('[]')
    app.end()
    expect(await app.ended).toBe(0)
    // The sockets are systemd's: they stay.
    expect(existsSync(path('a')) && existsSync(path('b'))).toBe(true)
  })

  it.each(['fastcgi', 'scgi', 'http'])(
    '--server %s restricts sockets that have no such name',
    async (server) => {
      const place = makePlace()
      const path = join(place.run, 's')
      const app = await activate(place, [await listening({ path })], {}, `--server ${server}`)
      if (server === 'http') expect(await http({ path })).toBe(String(app.pid))
      else await expect(http({ path })).rejects.toThrow()
      if (server === 'fastcgi') expect(await fastcgi(path)).toBe(String(app.pid))
      else expect(await noFastcgi(path)).toMatch(/^$|^HTTP\/1\.1 400/)
      app.end()
      expect(await app.ended).toBe(0)
    },
  )

  const unsaid = 'FileDescriptorName=http'
  it.each([
    ['no name', {}, '', false],
    ['the name of its unit', { LISTEN_FDNAMES: 'app.socket' }, '', false],
    ['the name web', { LISTEN_FDNAMES: 'web' }, '', false],
    ['no name, and CGIUP_SERVER=auto', { CGIUP_SERVER: 'auto' }, '', false],
    ['the name http', { LISTEN_FDNAMES: 'http' }, '', true],
    ['the name HTTP', { LISTEN_FDNAMES: 'HTTP' }, '', true],
    ['no name, and --server http', {}, '--server http', true],
    ['no name, and CGIUP_SERVER=http', { CGIUP_SERVER: 'http' }, '', true],
  ])('a TCP socket with %s', async (_, env, args, serves) => {
    const place = makePlace()
    const tcp = await listening({ host: '127.0.0.1', port: 0 })
    const { port } = tcp.address() as { port: number }
    const app = await activate(place, [tcp], env, args)
    if (serves) {
      expect(await http({ port })).toBe(String(app.pid))
    } else {
      expect(await fastcgi(port)).toBe(String(app.pid))
      await expect(http({ port })).rejects.toThrow()
      expect(await until(() => app.output().includes(unsaid))).toBe(true)
      expect(app.output().match(/\n/g)).toHaveLength(1)
      // A stranger who sends many of them cannot fill the log.
      for (let i = 0; i < 30; i++) await expect(http({ port })).rejects.toThrow()
      expect(app.output().split(unsaid).length).toBeLessThan(24)
      expect(await fastcgi(port)).toBe(String(app.pid))
    }
    app.end()
    expect(await app.ended).toBe(0)
  })

  it('workers on a TCP socket: no HTTP either', async () => {
    const place = makePlace()
    const tcp = await listening({ host: '127.0.0.1', port: 0 })
    const { port } = tcp.address() as { port: number }
    const app = await activate(place, [tcp], {}, '--workers 2')
    expect(await fastcgi(port)).toMatch(/^\d+$/)
    await expect(http({ port })).rejects.toThrow()
    expect(await until(() => app.output().includes(unsaid))).toBe(true)
    app.end()
    expect(await app.ended).toBe(0)
  })

  it('a client that sends HTTP and resets at once is not served', async () => {
    const place = makePlace()
    const tcp = await listening({ host: '127.0.0.1', port: 0 })
    const { port } = tcp.address() as { port: number }
    const app = await activate(place, [tcp], {})
    const socket = connect(port, '127.0.0.1')
    await new Promise((resolve) => socket.on('connect', resolve))
    // If it were served, it would end the process.
    socket.write('GET /exit HTTP/1.1\r\nHost: x\r\n\r\n')
    socket.resetAndDestroy()
    expect(await fastcgi(port)).toBe(String(app.pid))
    app.end()
    expect(await app.ended).toBe(0)
  })

  it('a descriptor that does not listen: an error that names it', async () => {
    const place = makePlace()
    const app = await activate(place, [await listening({ path: join(place.run, 's') })], { LISTEN_FDS: '2' })
    expect(await app.ended).toBe(1)
    expect(app.output()).toMatch(/Descriptor 4 is not a listening socket \(E\w+\)\./)
  })

  it.skipIf(!needs('systemd-socket-activate'))('two sockets of systemd-socket-activate', async () => {
    const place = makePlace()
    const [one, two] = [await freePort(), await freePort()]
    const server = await startServer(
      'systemd-socket-activate',
      [
        ...['-l', `127.0.0.1:${one}`, '-l', `127.0.0.1:${two}`, '--fdname=fastcgi:http'],
        ...[`-E`, `LIFE=${place.env.LIFE}`, '-E', `PATH=${place.env.PATH}`],
        ...[join(place.directory, 'bin/cgiup'), place.app],
      ],
      { listens: [], cwd: place.run, env: place.env, directory: place.directory },
    )
    cleanups.push(() => server.stop())
    expect(await until(() => isListening({ port: one }))).toBe(true)
    expect(await http({ port: two })).toBe(String(server.pid))
    expect(await fastcgi(one)).toBe(String(server.pid))
    signalProcess(server.pid, 'SIGTERM')
    expect((await exitOf(server))?.code).toBe(0)
  })
})

describe('descriptor 0', () => {
  it.each([{ host: '127.0.0.1' }, { host: '::1' }])(
    'TCP ($host), no protocol chosen: no HTTP',
    async ({ host }) => {
      const place = makePlace()
      const socket = await listening({ host, port: 0 }).catch(() => null)
      if (socket === null) return // a machine without IPv6
      const { port } = socket.address() as { port: number }
      const app = spawn(place.app, { stdio: [fdOf(socket), 'ignore', 'pipe'], env: place.env })
      let output = ''
      app.stderr?.on('data', (data) => {
        output += data
      })
      cleanups.push(() => app.kill('SIGKILL'))
      socket.close()
      if (host === '127.0.0.1') expect(await fastcgi(port)).toBe(String(app.pid))
      await expect(request({ host, port }, { target: '/pid' })).rejects.toThrow()
      expect(await until(() => output.includes(`closed an HTTP connection from ${host}`))).toBe(true)
    },
  )

  it.each(['fastcgi', 'scgi', 'http'] as const)('--server %s uses it', async (server) => {
    const place = makePlace()
    const path = join(place.run, 's')
    const socket = await listening({ path })
    const app = spawn(place.app, {
      stdio: [fdOf(socket), 'ignore', 'ignore'],
      env: { ...place.env, CGIUP_SERVER: server },
    })
    cleanups.push(() => app.kill('SIGKILL'))
    socket.close()
    if (server === 'http') expect(await http({ path })).toBe(String(app.pid))
    if (server === 'fastcgi') expect(await fastcgi(path)).toBe(String(app.pid))
    if (server === 'scgi') await expect(http({ path })).rejects.toThrow()
    app.kill('SIGTERM')
    expect(await gone(app.pid as number)).toBe(true)
    expect(place.exitOf(app.pid as number)).toBe(0)
  })
})

describe('a Unix socket that it creates', () => {
  const asRoot = process.getuid?.() === 0
  const groups = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const [name, , id] = (asRoot ? groups.find(([one]) => one === 'www-data') : undefined) ??
    groups.find(([, , one]) => Number(one) === process.getgid?.()) ?? ['root', '', '0']

  it('mode 0660 by default', async () => {
    const app = await startApp()
    expect(statSync(app.socket).mode & 0o777).toBe(0o660)
    await app.server.stop()
  })

  it.each([name, id])('--socket-mode 0606 --socket-group %s', async (group) => {
    const app = await startApp(['--socket-mode', '0606', '--socket-group', String(group)])
    const { mode, gid } = statSync(app.socket)
    expect(mode & 0o777).toBe(0o606)
    expect(gid).toBe(Number(id))
    await app.server.stop()
  })

  it('a group that does not exist: an error, and no socket', async () => {
    const place = makePlace()
    const attempt = startApp(['--socket-group', 'nobody-has-this'], {}, place)
    await expect(attempt).rejects.toThrow(
      /Cannot listen on .*app\.sock: there is no group "nobody-has-this"\./,
    )
    expect(existsSync(join(place.run, 'app.sock'))).toBe(false)
  })

  it('a stale one is replaced, one in use is not', async () => {
    const first = await startApp()
    signalProcess(first.server.pid, 'SIGKILL')
    await exitOf(first.server)
    expect(existsSync(first.socket)).toBe(true)
    const second = await startApp([], {}, first)
    expect(await fastcgi(second.socket)).toBe(String(second.server.pid))
    const third = spawn(
      join(first.directory, 'bin/cgiup'),
      [first.app, '-s', 'fastcgi', '-l', first.socket],
      {
        env: first.env,
      },
    )
    let output = ''
    third.stderr.on('data', (data) => {
      output += data
    })
    expect(await new Promise((resolve) => third.on('exit', resolve))).toBe(1)
    expect(output).toContain('app.sock is in use: another program listens there.')
    expect(await fastcgi(second.socket)).toBe(String(second.server.pid))
    expect(isAlive(second.server.pid)).toBe(true)
    await second.server.stop()
  })

  it.each(['a file', 'a directory'])('%s at its path: refused and not removed', async (what) => {
    const place = makePlace()
    const path = join(place.run, 'app.sock')
    if (what === 'a file') writeFileSync(path, 'precious')
    else mkdirSync(path)
    await expect(startApp([], {}, place)).rejects.toThrow('a file that is not a socket is in the way')
    expect(existsSync(path)).toBe(true)
    if (what === 'a file') expect(readFileSync(path, 'utf8')).toBe('precious')
  })

  it.skipIf(asRoot)('a directory that is not writable', async () => {
    const place = makePlace()
    chmodSync(place.run, 0o555)
    await expect(startApp([], {}, place)).rejects.toThrow('no permission')
    chmodSync(place.run, 0o755)
  })
})
