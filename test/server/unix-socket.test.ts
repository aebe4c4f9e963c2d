/** Nobody can connect to a Unix socket before it has its mode, and it leaves no files. */
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { prepareUnix } from '../../src/socket/unix-socket.js'
import { tempDir } from '../support/temp.js'

const servers: Server[] = []
const umask = process.umask()
afterEach(() => {
  process.umask(umask)
  for (const server of servers.splice(0)) server.close()
})

/** Listens there as an HTTP or FastCGI server. */
const listenOn = (path: string) =>
  new Promise<void>((resolve, reject) => {
    const server = createServer((socket) => socket.end())
    servers.push(server)
    server.on('error', reject).listen(path, resolve)
  })

const mode = (path: string) => statSync(path).mode & 0o777

const asRoot = process.getuid?.() === 0

/** The result of connecting as another user: `open`, or the code of the error. */
function strangerConnects(path: string): string {
  const code = `require('net').connect(process.argv[1]).on('connect', () => { console.log('open'); process.exit() })
    .on('error', (error) => console.log(error.code))`
  return spawnSync(process.execPath, ['-e', code, path], {
    uid: 65534,
    gid: 65534,
    encoding: 'utf8',
  }).stdout.trim()
}

/** A directory that every user may enter, in directories that every user may enter. */
function openDirectory(): string {
  const directory = join(tempDir('unix'), 'open')
  mkdirSync(directory)
  chmodSync(dirname(directory), 0o755)
  chmodSync(directory, 0o777)
  return directory
}

describe.each(['000', '022', '077', '177', '777'])('with the umask %s', (mask) => {
  it('no other user can reach the socket before it has its mode', async () => {
    const directory = openDirectory()
    const path = join(directory, 'app.sock')
    process.umask(Number.parseInt(mask, 8))
    const place = await prepareUnix(path, { socketMode: 0o600 }, async (draft) => {
      await listenOn(draft)
      expect(dirname(draft)).not.toBe(directory)
      expect(mode(dirname(draft))).toBe(0o700)
      if (asRoot) expect(strangerConnects(draft)).toBe('EACCES')
    })
    expect(readdirSync(directory)).toHaveLength(1)
    await place.publish()
    // Only the socket is there, with the requested mode.
    expect(readdirSync(directory)).toEqual(['app.sock'])
    expect(mode(path)).toBe(0o600)
    if (asRoot) expect(strangerConnects(path)).toBe('EACCES')
    place.cleanUp()
    expect(readdirSync(directory)).toEqual([])
  })
})

it.runIf(asRoot)('once it has its mode, users with permission can connect', async () => {
  const path = join(openDirectory(), 'app.sock')
  const place = await prepareUnix(path, { socketMode: 0o666 }, listenOn)
  await place.publish()
  expect(strangerConnects(path)).toBe('open')
  place.cleanUp()
})

it.runIf(asRoot)(
  'in a directory with the setgid bit the socket gets the group of the directory',
  async () => {
    const directory = openDirectory()
    chownSync(directory, 0, 33)
    chmodSync(directory, 0o2770)
    const place = await prepareUnix(join(directory, 'app.sock'), {}, listenOn)
    await place.publish()
    expect(statSync(join(directory, 'app.sock'))).toMatchObject({ gid: 33 })
    place.cleanUp()
  },
)

it('a failed start leaves no files', async () => {
  const directory = tempDir('unix')
  const path = join(directory, 'app.sock')
  const listeners = process.listenerCount('exit')
  const broken = () => Promise.reject(new Error('no socket'))
  await expect(prepareUnix(path, {}, broken)).rejects.toThrow('no socket')
  await expect(prepareUnix(path, { socketGroup: 'nobody-has-this' }, listenOn)).rejects.toThrow()
  expect(readdirSync(directory)).toEqual([])
  expect(process.listenerCount('exit')).toBe(listeners)
})

it('two servers with the same path: the first gets it, the second leaves no files', async () => {
  const directory = tempDir('unix')
  const path = join(directory, 'app.sock')
  const [one, two] = [await prepareUnix(path, {}, listenOn), await prepareUnix(path, {}, listenOn)]
  await one.publish()
  await expect(two.publish()).rejects.toMatchObject({ code: 'EEXIST' })
  two.cleanUp()
  expect(readdirSync(directory)).toEqual(['app.sock'])
  one.cleanUp()
  expect(readdirSync(directory)).toEqual([])
})

it('a path may be as long as the system allows; longer ones are refused', async () => {
  const directory = tempDir('unix')
  const path = (length: number) => join(directory, 'x'.repeat(length - directory.length - 1))
  const place = await prepareUnix(path(103), {}, listenOn)
  await place.publish()
  expect(statSync(path(103)).isSocket()).toBe(true)
  place.cleanUp()
  await expect(prepareUnix(path(104), {}, listenOn)).rejects.toMatchObject({ code: 'ENAMETOOLONG' })
  expect(readdirSync(directory)).toEqual([])
})

it('a process that ends before its socket has its final name leaves no files', () => {
  const directory = tempDir('unix')
  const code = `
    import { createServer } from 'node:net'
    import { prepareUnix } from ${JSON.stringify(new URL('../../dist/socket/unix-socket.js', import.meta.url).href)}
    const listen = (path) => new Promise((resolve) => createServer().listen(path, resolve))
    await prepareUnix(${JSON.stringify(join(directory, 'app.sock'))}, {}, listen)
    process.exit(7)`
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', code])
  expect([status, readdirSync(directory)]).toEqual([7, []])
})
