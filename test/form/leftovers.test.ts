/** Upload directories left by a process: at its end, on signals, and their removal by the next process. */
import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { hasEnded, ownerText } from '../../src/form/owner.js'
import { form } from '../../src/form.js'
import { until } from '../support/processes.js'
import { tempDir } from '../support/temp.js'
import { failure, file, multipart, multipartType, request } from './bodies.js'

const body = multipart(file('f', 'a.txt', 'x'.repeat(200_000)))
const dist = (name: string) => fileURLToPath(new URL(`../../dist/${name}`, import.meta.url))

const app = `
  import { run } from ${JSON.stringify(dist('index.js'))}
  import { form } from ${JSON.stringify(dist('form.js'))}
  run({
    async fetch(request) {
      const data = await form(request)
      process.stderr.write('stored ')
      if (process.env.HANDLER) await new Promise(() => setInterval(() => {}, 1000))
      return new Response(data.file('f').path)
    },
  })`

/** A CGI script during an upload: a part of the body has arrived, and its file exists. */
async function uploading(program: string, env: NodeJS.ProcessEnv, bytes = body.length - 100) {
  const temp = tempDir('uploads')
  const script = join(temp, 'app.mjs')
  writeFileSync(script, program)
  const stored = join(temp, 'stored')
  mkdirSync(stored)
  const child = spawn(process.execPath, [script], {
    env: {
      PATH: process.env.PATH,
      TMPDIR: stored,
      GATEWAY_INTERFACE: 'CGI/1.1',
      REQUEST_METHOD: 'POST',
      SCRIPT_NAME: '/app',
      SERVER_NAME: 'localhost',
      SERVER_PORT: '80',
      SERVER_PROTOCOL: 'HTTP/1.1',
      CONTENT_TYPE: multipartType,
      CONTENT_LENGTH: String(body.length),
      ...env,
    },
  })
  let stderr = ''
  child.stderr.on('data', (data) => {
    stderr += data
  })
  child.stdin.on('error', () => {}).write(body.subarray(0, bytes))
  const inside = () => readdirSync(stored).flatMap((name) => readdirSync(join(stored, name)))
  expect(await until(() => inside().length === 2)).toBe(true)
  return { child, stored, stderr: () => stderr, inside }
}

const ended = (child: ChildProcess) =>
  new Promise<string | number | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code)),
  )

describe('a signal during a CGI upload', () => {
  it.each(['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const)(
    '%s leaves no directory behind',
    async (signal) => {
      const { child, stored } = await uploading(app, {})
      const end = ended(child)
      child.kill(signal)
      // The parent sees the same signal as it would without cgiup.
      expect(await end).toBe(signal)
      expect(readdirSync(stored)).toEqual([])
    },
  )

  it.each(['SIGHUP', 'SIGINT'] as const)('%s while the app works with the file', async (signal) => {
    const { child, stored, stderr } = await uploading(app, { HANDLER: '1' }, body.length)
    expect(await until(() => stderr().includes('stored'))).toBe(true)
    const end = ended(child)
    child.kill(signal)
    expect(await end).toBe(signal)
    expect(readdirSync(stored)).toEqual([])
  })

  it.each(['SIGHUP', 'SIGINT'] as const)('%s is handled by an app that listens for it', async (signal) => {
    const own = `process.on('${signal}', () => process.stderr.write('mine '))\n${app}`
    const { child, stored, stderr } = await uploading(own, {})
    child.kill(signal)
    expect(await until(() => stderr().includes('mine'))).toBe(true)
    expect(readdirSync(stored)).toHaveLength(1)
    const end = ended(child)
    child.stdin.end(body.subarray(body.length - 100))
    expect(await end).toBe(0)
    expect(readdirSync(stored)).toEqual([])
  })

  it('an uncaught error leaves no directory', async () => {
    const failing = `setTimeout(() => { if (process.env.FAIL) throw new Error('nobody') }, 300)\n${app}`
    const { child, stored, stderr } = await uploading(failing, { FAIL: '1' })
    const end = ended(child)
    expect(await until(() => stderr().includes('nobody'))).toBe(true)
    // Otherwise the process would wait for the rest of the body.
    child.stdin.destroy()
    expect(await end).toBe(1)
    expect(readdirSync(stored)).toEqual([])
  })
})

describe.skipIf(!existsSync('/proc/self/stat'))('the sweep', () => {
  const old = new Date(Date.now() - 3_700_000)

  /** The pid of a process that has ended. */
  async function deadOwner(): Promise<string> {
    const { child, stored } = await uploading(app, {})
    const end = ended(child)
    child.kill('SIGKILL')
    expect(await end).toBe('SIGKILL')
    const [left] = readdirSync(stored)
    return readFileSync(join(stored, left as string, 'owner'), 'latin1')
  }

  function leftover(parent: string, name: string, owner: string | null, mode = 0o700): string {
    const path = join(parent, name)
    mkdirSync(path)
    writeFileSync(join(path, 'upload'), 'x')
    if (owner !== null) writeFileSync(join(path, 'owner'), owner)
    chmodSync(path, mode)
    utimesSync(path, old, old)
    return path
  }

  /** A form with a file in this directory. */
  const store = async (directory: string) => {
    const data = await form(request(multipartType, body), { directory })
    expect(data.files).toHaveLength(1)
    await data.dispose()
  }

  it('removes the directory of a killed process, an hour later', async () => {
    const owner = await deadOwner()
    const parent = tempDir('swept')
    const path = leftover(parent, 'cgiup-form-AbCd12', owner)
    await store(parent)
    expect(await until(() => !existsSync(path))).toBe(true)
  })

  it('removes nothing else', async () => {
    const owner = await deadOwner()
    const [pid, started, namespace] = owner.trim().split(' ') as [string, string, string]
    const own = ownerText()
    const [ownPid] = own.split(' ')
    const parent = tempDir('swept')
    leftover(parent, 'cgiup-form-living', own)
    leftover(parent, 'cgiup-form-nobody', null)
    leftover(parent, 'cgiup-form-broken', `${pid} ${started}`)
    leftover(parent, 'cgiup-form-nopids', `0 ${started} ${namespace}\n`)
    leftover(parent, 'cgiup-form-spaces', `${pid} ${started} pid:[1]\n`)
    leftover(parent, 'cgiup-form-groups', owner, 0o750)
    leftover(parent, 'cgiup-form-AbCd12.keep', owner)
    leftover(parent, 'cgiup-formAbCd12', owner)
    leftover(parent, 'other-form-AbCd12', owner)
    if (process.getuid?.() === 0) chownSync(leftover(parent, 'cgiup-form-strang', owner), 65534, 65534)
    const young = leftover(parent, 'cgiup-form-young1', owner)
    utimesSync(young, new Date(), new Date())
    const elsewhere = leftover(tempDir('elsewhere'), 'cgiup-form-behind', owner)
    symlinkSync(elsewhere, join(parent, 'cgiup-form-links1'))
    writeFileSync(join(parent, 'cgiup-form-afile1'), '')
    // A reused pid: the process with that start time has ended.
    const again = leftover(parent, 'cgiup-form-again1', `${ownPid} 1 ${own.trim().split(' ')[2]}\n`)
    const before = readdirSync(parent).filter((name) => !again.endsWith(name))
    await store(parent)
    expect(await until(() => !existsSync(again))).toBe(true)
    expect(readdirSync(parent).sort()).toEqual(before.sort())
    expect(readdirSync(elsewhere)).toEqual(['owner', 'upload'])
  })

  it('does nothing in a directory where other users may rename our files', async () => {
    const parent = tempDir('swept')
    const path = leftover(parent, 'cgiup-form-AbCd12', await deadOwner())
    chmodSync(parent, 0o777)
    await store(parent)
    expect(existsSync(path)).toBe(true)
    chmodSync(parent, 0o1777)
  })

  it('identifies processes by pid and start time', async () => {
    expect(hasEnded(ownerText())).toBe(false)
    const owner = await deadOwner()
    expect(hasEnded(owner)).toBe(true)
    // Without /proc when the directory was created: the pid alone.
    const namespace = owner.trim().split(' ')[2]
    expect(hasEnded(`${process.pid} - ${namespace}\n`)).toBe(false)
    expect(hasEnded(`${owner.split(' ')[0]} - ${namespace}\n`)).toBe(true)
    for (const text of ['', 'x', '1', `${owner}more`, ` ${owner}`]) expect(hasEnded(text)).toBe(false)
  })
})

it('no file descriptor is left: 503, and the files of a form are removed nevertheless', async () => {
  const stored = tempDir('stored')
  const program = `
    import { closeSync, openSync, readdirSync } from 'node:fs'
    import { form } from ${JSON.stringify(dist('form.js'))}
    const body = ${JSON.stringify(body.toString('latin1'))}
    const send = () => form(new Request('http://h/', { method: 'POST', body, headers: { 'Content-Type': ${JSON.stringify(multipartType)} } }))
    const data = await send()
    const taken = []
    try {
      for (;;) taken.push(openSync('/dev/null'))
    } catch {}
    const error = await send().catch((error) => error)
    await data.dispose()
    for (const fd of taken) closeSync(fd)
    console.log(JSON.stringify([error.code, error.status, error.message, readdirSync(process.env.TMPDIR)]))
    process.kill(process.pid, 'SIGKILL')`
  const script = join(tempDir('program'), 'app.mjs')
  writeFileSync(script, program)
  const child = spawn('/bin/sh', ['-c', 'ulimit -n 80; exec "$0" "$1"', process.execPath, script], {
    env: { PATH: process.env.PATH, TMPDIR: stored },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (data) => {
    out += data
  })
  await ended(child)
  expect(JSON.parse(out)).toEqual([
    'NO_RESOURCES',
    503,
    `Uploaded files cannot be stored in ${stored} (set by TMPDIR): this process has no file descriptors left (EMFILE).`,
    [],
  ])
})

describe('a place that cannot be used is named', () => {
  const store = (directory: string) => failure(form(request(multipartType, body), { directory }))

  it('one that is missing, or is not a directory', async () => {
    const room = tempDir('room')
    expect(await store(join(room, 'missing'))).toMatchObject({
      code: 'FORM_STORE',
      status: 500,
      message: `Uploaded files cannot be stored in ${room}/missing (set by the option directory): there is no such directory (ENOENT).`,
    })
    writeFileSync(join(room, 'file'), '')
    expect((await store(join(room, 'file'))).message).toContain('it is not a directory (ENOTDIR)')
  })

  it('TMPDIR, if it is used', async () => {
    const before = process.env.TMPDIR
    process.env.TMPDIR = join(tempDir('room'), 'missing')
    try {
      const { message } = await failure(form(request(multipartType, body)))
      expect(message).toContain(`${process.env.TMPDIR} (set by TMPDIR): there is no such directory`)
    } finally {
      if (before === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = before
    }
  })

  it.skipIf(process.getuid?.() !== 0 || process.platform !== 'linux')('one that is full', async () => {
    const room = tempDir('room')
    const { execFileSync } = await import('node:child_process')
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'tmpfs', room], { stdio: 'ignore' })
    } catch {
      return // not allowed in this container
    }
    try {
      expect((await store(room)).message).toBe(
        `Uploaded files cannot be stored in ${room} (set by the option directory): its disk is full (ENOSPC).`,
      )
      expect(readdirSync(room)).toEqual([])
    } finally {
      execFileSync('umount', [room])
    }
  })
})
