import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { form } from '../../src/form.js'
import { failure, field, file, multipart, multipartType, request } from './bodies.js'

let room: string
beforeEach(async () => {
  room = await mkdtemp(join(tmpdir(), 'cgiup-test-'))
})
afterEach(() => rm(room, { recursive: true, force: true }))

const twoFiles = multipart(file('f', 'a.txt', 'first'), field('x', '1'), file('f', 'b.txt', 'second'))

describe("store: 'disk'", () => {
  test('a private directory, random names, mode 0600, removed by dispose', async () => {
    const data = await form(request(multipartType, twoFiles, 7), { directory: room })
    const [a, b] = data.filesOf('f')
    expect(await readFile(a?.path ?? '', 'utf8')).toBe('first')
    expect(await b?.text()).toBe('second')
    expect(a?.path).not.toContain('a.txt')
    expect((await stat(a?.path ?? '')).mode & 0o777).toBe(0o600)
    expect((await stat(dirname(a?.path ?? ''))).mode & 0o777).toBe(0o700)
    await data.dispose()
    await data.dispose()
    expect(await readdir(room)).toEqual([])
  })

  test('await using disposes the form', async () => {
    {
      await using data = await form(request(multipartType, twoFiles), { directory: room })
      expect(data.files).toHaveLength(2)
    }
    expect(await readdir(room)).toEqual([])
  })

  test('the default is the temporary directory of the system', async () => {
    const data = await form(request(multipartType, twoFiles))
    expect(data.files[0]?.path?.startsWith(tmpdir())).toBe(true)
    await data.dispose()
  })

  test('a form without files creates no directory', async () => {
    await form(request(multipartType, multipart(field('a', '1'))), { directory: room })
    expect(await readdir(room)).toEqual([])
  })

  test.each([
    ['a limit', { fileSize: 5 }, twoFiles],
    ['a body that is cut short', {}, twoFiles.subarray(0, twoFiles.length - 40)],
  ])('%s leaves nothing behind', async (_, options, body) => {
    for (const size of [1, 50, 10_000]) {
      await failure(form(request(multipartType, body, size), { ...options, directory: room }))
      expect(await readdir(room)).toEqual([])
    }
  })

  test('a saved file is kept', async () => {
    const data = await form(request(multipartType, twoFiles), { directory: room })
    await writeFile(join(room, 'kept.txt'), 'older')
    await data.files[0]?.save(join(room, 'kept.txt'), { mode: 0o644 })
    expect(data.files[0]?.path).toBe(join(room, 'kept.txt'))
    await data.dispose()
    expect(await readdir(room)).toEqual(['kept.txt'])
    expect(await readFile(join(room, 'kept.txt'), 'utf8')).toBe('first')
    expect((await stat(join(room, 'kept.txt'))).mode & 0o777).toBe(0o644)
  })

  test('a missing directory: the error names it', async () => {
    const sent = request(multipartType, twoFiles)
    const error = await failure(form(sent, { directory: join(room, 'missing') }))
    expect(error).toMatchObject({ code: 'FORM_STORE', cause: { code: 'ENOENT' } })
  })

  test('a process that ends without dispose() leaves nothing behind', async () => {
    const script = `
      import { form } from ${JSON.stringify(new URL('../../dist/form.js', import.meta.url).href)}
      const body = Buffer.from(${JSON.stringify(twoFiles.toString('base64'))}, 'base64')
      const headers = { 'content-type': ${JSON.stringify(multipartType)} }
      const data = await form(new Request('http://x/', { method: 'POST', body, headers }), { directory: ${JSON.stringify(room)} })
      console.log(await data.files[1].text())
      process.exit(0)`
    const run = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
    expect(run.stdout).toBe('second\n')
    expect(await readdir(room)).toEqual([])
  })

  test('10 MiB arrive completely', async () => {
    const { createHash, randomBytes } = await import('node:crypto')
    const content = randomBytes(10 * 1024 * 1024)
    const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
    const data = await form(request(multipartType, multipart(file('f', 'big', content))), { directory: room })
    expect(data.files[0]?.size).toBe(content.length)
    expect(sha((await data.files[0]?.bytes()) ?? new Uint8Array())).toBe(sha(content))
    await data.dispose()
  })
})

describe("store: 'memory' and 'refuse'", () => {
  test('a file in memory has bytes and no path, and can be saved', async () => {
    const data = await form(request(multipartType, twoFiles), { store: 'memory' })
    expect(data.files[0]?.path).toBeUndefined()
    await data.files[0]?.save(join(room, 'out'), { mode: 0o640 })
    expect(await readFile(join(room, 'out'), 'utf8')).toBe('first')
    expect((await stat(join(room, 'out'))).mode & 0o777).toBe(0o640)
  })

  test('a form without files refuses them with 415, but not empty file controls', async () => {
    expect(await failure(form(request(multipartType, twoFiles), { store: 'refuse' }))).toMatchObject({
      code: 'FORM_TYPE',
      status: 415,
    })
    const empty = multipart(field('a', '1'), file('f', '', '', 'application/octet-stream'))
    expect((await form(request(multipartType, empty), { store: 'refuse' })).get('a')).toBe('1')
  })
})

describe('store: a function', () => {
  test('gets each file with the fields before it, one at a time, in order', async () => {
    const seen: unknown[] = []
    let active = 0
    const data = await form(request(multipartType, twoFiles, 3), {
      store: async (incoming) => {
        expect(++active).toBe(1)
        let text = ''
        for await (const piece of incoming) text += Buffer.from(piece).toString()
        seen.push([
          incoming.field,
          incoming.name,
          incoming.type,
          text,
          incoming.fields.map(({ name }) => name),
        ])
        await new Promise(setImmediate)
        active--
      },
    })
    expect(seen).toEqual([
      ['f', 'a.txt', 'text/plain', 'first', []],
      ['f', 'b.txt', 'text/plain', 'second', ['x']],
    ])
    expect(data.files).toEqual([])
    expect(data.get('x')).toBe('1')
  })

  test('may leave a file unread or stop partway: the form continues', async () => {
    const big = Buffer.alloc(1_000_000, 'x')
    const body = multipart(file('f', 'a', big), file('f', 'b', big), field('last', '1'))
    let first = true
    const data = await form(request(multipartType, body), {
      store: async (incoming) => {
        if (!first) return
        first = false
        for await (const _ of incoming) break
      },
    })
    expect(data.get('last')).toBe('1')
  })

  test('a slow one holds the body back', async () => {
    const big = Buffer.alloc(4_000_000, 'x')
    const sent = request(multipartType, multipart(file('f', 'a', big)), 10_000)
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let started = () => {}
    const start = new Promise<void>((resolve) => {
      started = resolve
    })
    const done = form(sent, {
      store: async (incoming) => {
        started()
        await held
        for await (const _ of incoming);
      },
    })
    await start
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    expect(sent.fate.sent).toBeLessThan(200_000)
    release()
    await done
    expect(sent.fate.sent).toBeGreaterThan(4_000_000)
  })

  test('form() rejects with the error that it throws, and the rest of the body is discarded', async () => {
    const sent = request(multipartType, twoFiles, 20)
    const mine = new Error('no room')
    expect(await failure(form(sent, { store: () => Promise.reject(mine) }))).toBe(mine)
    expect(sent.fate.cancelled).toBe(true)
  })

  test('it gets the error of a form that breaks while it reads', async () => {
    let seen: unknown
    const error = await failure(
      form(request(multipartType, twoFiles, 20), {
        fileSize: 3,
        store: async (incoming) => {
          try {
            for await (const _ of incoming);
          } catch (fault) {
            seen = fault
          }
        },
      }),
    )
    expect(error).toMatchObject({ limit: 'fileSize' })
    expect(seen).toBe(error)
  })
})
