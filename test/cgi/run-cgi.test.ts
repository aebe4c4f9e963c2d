import { once } from 'node:events'
import { PassThrough, Readable, Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { handler } from '../../src/app/handler.js'
import { type CgiResult, type RunCgiOptions, runCgi } from '../../src/cgi.js'
import type { Exchange, Reply } from '../../src/core/exchange.js'
import { pattern, split } from './script-process.js'

const get = { REQUEST_METHOD: 'GET', REQUEST_URI: '/a', SERVER_PROTOCOL: 'HTTP/1.1' }
const post = (length: number) => ({ ...get, REQUEST_METHOD: 'POST', CONTENT_LENGTH: String(length) })

interface Run extends CgiResult {
  head: string
  body: Buffer
  stderr: string
}

/** Runs a handler over our own streams and returns all output. */
async function go(
  app: (exchange: Exchange) => Reply | Promise<Reply>,
  options: Partial<RunCgiOptions> = {},
): Promise<Run> {
  const stdout = (options.stdout as PassThrough | undefined) ?? new PassThrough()
  let stderr = ''
  const pieces: Buffer[] = []
  stdout.on('data', (piece: Buffer) => pieces.push(piece))
  const result = await runCgi(handler(app), {
    env: get,
    stderr: { write: (text) => (stderr += text) },
    ...options,
    stdout,
  })
  const { head, body } = split(Buffer.concat(pieces))
  return { ...result, head, body, stderr }
}

const ok = (body: Reply['body']): Reply => ({ status: 200, headers: ['Content-Type', 'text/plain'], body })

async function all(exchange: Exchange): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for (let piece = await exchange.stdin.read(); piece; piece = await exchange.stdin.read()) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function* echo({ stdin }: Exchange) {
  for (let piece = await stdin.read(); piece; piece = await stdin.read()) yield piece
}

describe('runCgi()', () => {
  it('answers over streams and ends stdout', async () => {
    const stdout = new PassThrough()
    const out = await go(() => ok('hello'), { stdout })
    expect(out.head).toBe('Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n')
    expect(out.body.toString()).toBe('hello')
    expect(out).toMatchObject({ status: 200, bytes: 5, complete: true, exitCode: 0, stderr: '' })
    expect(stdout.writableFinished).toBe(true)
  })

  it('takes a fetch app', async () => {
    const stdout = new PassThrough()
    const result = await runCgi(
      { fetch: (request) => new Response(`${request.method} ${request.url}`) },
      { env: { ...get, HTTP_HOST: 'a.example' }, stdout },
    )
    expect(result.status).toBe(200)
    expect(split(stdout.read()).body.toString()).toBe('GET http://a.example/a')
  })

  it('leaves the process alone', async () => {
    const before = [
      process.exit,
      Object.getOwnPropertyDescriptor(process, 'stdout')?.get,
      process.listenerCount('uncaughtException'),
      process.listenerCount('SIGTERM'),
    ]
    await go(() => ok('x'))
    expect([
      process.exit,
      Object.getOwnPropertyDescriptor(process, 'stdout')?.get,
      process.listenerCount('uncaughtException'),
      process.listenerCount('SIGTERM'),
    ]).toEqual(before)
  })

  it('echoes 5 MiB in any chunks', async () => {
    const body = pattern(5 * 1024 * 1024)
    for (const size of [1000, 65_536, body.length]) {
      const pieces = Array.from({ length: Math.ceil(body.length / size) }, (_, i) =>
        body.subarray(i * size, (i + 1) * size),
      )
      const out = await go((x) => ok(echo(x)), {
        env: post(body.length),
        stdin: Readable.from(pieces, { objectMode: false }),
      })
      expect(out.body.equals(body)).toBe(true)
      expect(out).toMatchObject({ bytes: body.length, complete: true })
    }
  })

  it('4.2: reads no more than CONTENT_LENGTH; the rest stays in the stream', async () => {
    const stdin = new PassThrough()
    stdin.write('helloNEXT')
    const out = await go(async (x) => ok(await all(x)), { env: post(5), stdin })
    expect(out.body.toString()).toBe('hello')
    expect(stdin.read()?.toString()).toBe('NEXT')
  })

  it('reads to the end without a length', async () => {
    const env = { ...get, REQUEST_METHOD: 'POST', HTTP_TRANSFER_ENCODING: 'chunked' }
    expect(
      (
        await go(async (x) => ok(await all(x)), {
          env,
          stdin: Readable.from([Buffer.from('ab'), Buffer.from('cd')]),
        })
      ).body.toString(),
    ).toBe('abcd')
  })

  it('a short body is the client’s fault: 400', async () => {
    const out = await go(async (x) => ok(await all(x)), {
      env: post(9),
      stdin: Readable.from([Buffer.from('abc')]),
    })
    expect(out).toMatchObject({ status: 400, complete: true, exitCode: 0 })
    expect(out.stderr).toContain('ended after 3 bytes')
  })

  it('a stdin that fails is a client that has left', async () => {
    const stdin = new Readable({
      read() {
        this.destroy(new Error('cable cut'))
      },
    })
    const out = await go(async (x) => ok(await all(x)), { env: post(9), stdin })
    expect(out.stderr).toContain('cable cut')
    expect(out.status).toBe(500)
  })

  it('a stdin of text is refused with a reason', async () => {
    const stdin = Readable.from(['text'], { encoding: 'utf8', objectMode: false })
    expect((await go(async (x) => ok(await all(x)), { env: post(4), stdin })).stderr).toContain('setEncoding')
  })

  it('drains what the app does not read, up to drainBytes', async () => {
    const stdin = Readable.from(
      Array.from({ length: 100 }, () => Buffer.alloc(1000)),
      { objectMode: false },
    )
    await go(() => ok('x'), { env: post(100_000), stdin })
    expect(stdin.readableLength).toBe(0)
    const long = Readable.from(
      Array.from({ length: 100 }, () => Buffer.alloc(1000)),
      { objectMode: false },
    )
    await go(() => ok('x'), { env: post(100_000), stdin: long, drainBytes: 10_000 })
    const left: Buffer[] = []
    for await (const piece of long) left.push(piece as Buffer)
    expect(Buffer.concat(left).length).toBeGreaterThan(20_000)
  })

  it('waits until stdout wants more', async () => {
    let asked = 0
    const held: (() => void)[] = []
    const stdout = new Writable({ highWaterMark: 10, write: (_piece, _encoding, done) => held.push(done) })
    const body = (async function* () {
      for (; asked < 10; asked++) yield Buffer.alloc(20)
    })()
    const result = runCgi(
      handler(() => ok(body)),
      { env: get, stdout },
    )
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(asked).toBeLessThan(3)
    const timer = setInterval(() => held.shift()?.())
    expect(await result).toMatchObject({ bytes: 200, complete: true })
    clearInterval(timer)
  })

  it('reads ahead while stdout is stuck, as a server that sends the body first needs it', async () => {
    const stdin = new PassThrough({ highWaterMark: 1000 })
    const stdout = new PassThrough({ highWaterMark: 1000 })
    const result = runCgi(
      handler((x) => ok(echo(x))),
      { env: post(300_000), stdin, stdout, readAheadBytes: 50_000 },
    )
    // stdout is not read before the whole body was accepted.
    for (let at = 0; at < 300_000; at += 1000)
      if (!stdin.write(pattern(300_000).subarray(at, at + 1000))) await once(stdin, 'drain')
    const pieces: Buffer[] = []
    for await (const piece of stdout) pieces.push(piece as Buffer)
    expect(split(Buffer.concat(pieces)).body.equals(pattern(300_000))).toBe(true)
    expect(await result).toMatchObject({ complete: true })
  })

  it('a stdout that is closed aborts the signal', async () => {
    const stdout = new PassThrough()
    let reason: unknown
    let released = false
    const out = await go(
      (x) => {
        x.signal.addEventListener('abort', () => {
          reason = x.signal.reason
        })
        stdout.once('data', () => stdout.destroy())
        return ok(
          (async function* () {
            try {
              for (;;) yield pattern(65_536)
            } finally {
              released = true
            }
          })(),
        )
      },
      { stdout },
    )
    expect(out).toMatchObject({ complete: false, exitCode: 0, stderr: '' })
    expect(reason).toMatchObject({ code: 'REQUEST_ABORTED' })
    expect(released).toBe(true)
  })

  it('a reply that breaks destroys stdout', async () => {
    const stdout = new PassThrough()
    const body = (async function* () {
      yield Buffer.from('half')
      await new Promise((resolve) => setTimeout(resolve, 5))
      throw new Error('broken body')
    })()
    const out = await go(() => ok(body), { stdout })
    expect(out).toMatchObject({ bytes: 4, complete: false, exitCode: 1 })
    expect(out.stderr).toContain('cut off after 4 bytes')
    expect(stdout.destroyed).toBe(true)
    expect(stdout.writableFinished).toBe(false)
  })

  it('its signal stops an app that does not answer, and one that streams', async () => {
    const stop = new AbortController()
    let seen = false
    const silent = go(
      (x) => {
        setTimeout(() => stop.abort())
        x.signal.addEventListener('abort', () => {
          seen = true
        })
        return new Promise(() => {})
      },
      { signal: stop.signal },
    )
    expect((await silent).stderr).toContain('aborted by its signal')
    expect(seen).toBe(true)
    const out = await go(
      () =>
        ok(
          (async function* () {
            yield Buffer.from('begun')
            await new Promise(() => {})
          })(),
        ),
      { signal: AbortSignal.timeout(20) },
    )
    expect(out.complete).toBe(false)
  }, 5000)

  it('waits for waitUntil work, after stdout has ended', async () => {
    const order: string[] = []
    const stdout = new PassThrough()
    stdout.on('end', () => order.push('end'))
    await go(
      (x) => {
        x.waitUntil(
          new Promise<void>((resolve) => setTimeout(resolve, 20)).then(() => void order.push('work')),
        )
        return ok('x')
      },
      { stdout },
    )
    expect(order).toEqual(['end', 'work'])
  })

  it('errors of the app: onError makes the page, and stderr has the error', async () => {
    const trouble = () => {
      throw new Error('trouble')
    }
    const plain = await go(trouble)
    expect(plain).toMatchObject({ status: 500, complete: true, exitCode: 1 })
    expect(plain.stderr).toContain('Error: trouble\n    at ')
    const page = await go(trouble, {
      onError: (error) => ({ ...ok(`page: ${(error as Error).message}`), status: 503 }),
    })
    expect(page).toMatchObject({ status: 503, exitCode: 1 })
    expect(page.body.toString()).toBe('page: trouble')
    const both = await go(trouble, { onError: trouble })
    expect(both.status).toBe(500)
    expect(both.stderr).toContain('The error page failed')
  })

  it('an environment that describes no request', async () => {
    expect(await go(() => ok('x'), { env: {} })).toMatchObject({ status: 500, exitCode: 1 })
    expect(await go(() => ok('x'), { env: { ...get, CONTENT_LENGTH: 'x' } })).toMatchObject({
      status: 400,
      exitCode: 0,
    })
  })

  it('NPH by name and by option', async () => {
    expect((await go(() => ok('x'), { env: { ...get, SCRIPT_NAME: '/nph-x' } })).head).toMatch(
      /^HTTP\/1\.1 200 OK\r\n/,
    )
    expect((await go(() => ok('x'), { nph: true })).head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  })

  it('what is not an app is refused', async () => {
    await expect(runCgi('nonsense' as never, { env: get, stdout: new PassThrough() })).rejects.toMatchObject({
      code: 'APP_SHAPE',
    })
  })

  it.each([
    [
      { maxBodyBytes: '1m' },
      'The option maxBodyBytes of runCgi() must be a number of bytes, 0 or more, not "1m".',
    ],
    [{ drainMs: Number.NaN }, 'drainMs'],
    [{ maxBodyByte: 5 }, 'runCgi() has no option "maxBodyByte".'],
  ])('%j is refused', async (options, message) => {
    const wrong = { env: get, stdout: new PassThrough(), ...options } as RunCgiOptions
    await expect(
      runCgi(
        handler(() => ok('x')),
        wrong,
      ),
    ).rejects.toThrow(message)
  })
})
