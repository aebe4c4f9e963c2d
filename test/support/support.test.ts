import { createHash } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { needs, which } from './needs.js'
import { freePort } from './ports.js'
import { family, isAlive, processesIn, until } from './processes.js'
import { ReplyParser } from './reply-parser.js'
import { request, send } from './request.js'
import { isListening, startServer } from './server-process.js'
import { splits } from './splits.js'
import { removeTempDir, tempDir } from './temp.js'

describe('needs', () => {
  it('finds installed programs and fails in CI for missing ones', () => {
    expect(which('no-such-program-anywhere')).toBeUndefined()
    const { CI } = process.env
    onTestFinished(() => {
      if (CI === undefined) delete process.env.CI
      else process.env.CI = CI
    })
    process.env.CI = 'true'
    expect(() => needs('no-such-program-anywhere' as 'git')).toThrow()
  })
})

describe('ReplyParser', () => {
  const wire =
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 Fine\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n' +
    'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\nmore'

  it.each(splits(wire))(
    'reads interim replies, chunked body, trailer and surplus: $name',
    ({ pieces, tail }) => {
      const parser = new ReplyParser()
      for (const piece of pieces) parser.push(Buffer.from(piece))
      expect(parser.interim).toHaveLength(1)
      expect(parser.head).toMatchObject({ status: 200, reason: 'Fine' })
      expect(Buffer.concat(parser.pieces).toString()).toBe('abcde')
      expect(parser.trailers).toEqual(['T: 1'])
      expect(parser.complete).toBe(true)
      expect(parser.surplus.toString()).toBe(`more${Buffer.from(tail)}`)
    },
  )

  it.each([
    ['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc', false],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', false],
    ['HTTP/1.1 200 OK\r\n\r\nabc', true],
    ['HTTP/1.1 204 No Content\r\n\r\n', true],
  ])('tells whether %j was whole', (text, complete) => {
    const parser = new ReplyParser()
    parser.push(Buffer.from(text))
    parser.end()
    expect(parser.complete).toBe(complete)
  })

  it('reports broken framing', () => {
    const parser = new ReplyParser()
    parser.push(Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'))
    expect(parser.error).toBe('not a chunk size: "xyz"')
  })
})

describe('server process', () => {
  const program = `
    const { spawn } = require('node:child_process')
    const stray = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { detached: true, stdio: 'ignore' })
    require('node:http').createServer((req, res) => {
      const hash = require('node:crypto').createHash('sha256')
      req.on('data', (chunk) => hash.update(chunk))
      req.on('end', () => res.end(req.method + ' ' + req.url + ' ' + hash.digest('hex')))
    }).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('stray', stray.pid))
    process.on('SIGTERM', () => process.exit(0))`

  it('is started, answers, and is stopped with its children', async () => {
    const directory = tempDir()
    const file = join(directory, 'server.cjs')
    writeFileSync(file, program)
    const port = await freePort()
    const server = await startServer(process.execPath, [file, String(port)], {
      listens: { port },
      cwd: directory,
    })
    onTestFinished(() => void server.stop())
    const body = Buffer.alloc(300_000, 'x')
    const sha = createHash('sha256').update(body).digest('hex')
    const reply = await request({ port }, { method: 'POST', target: '/a%2Fb', body })
    expect(reply).toMatchObject({ status: 200, complete: true, text: `POST /a%2Fb ${sha}` })
    const chunked = await request(
      { port },
      { method: 'PUT', pieces: [body.subarray(1000), 'x'.repeat(1000)] },
    )
    expect(chunked.text).toBe(`PUT / ${sha}`)
    await until(() => server.output().includes('stray'))
    const stray = Number(/stray (\d+)/.exec(server.output())?.[1])
    expect(isAlive(stray)).toBe(true)
    expect(family(server.pid).map((one) => one.pid)).toContain(stray)
    expect(await server.stop()).toHaveLength(1)
    expect(isAlive(server.pid)).toBe(false)
    expect(isAlive(stray)).toBe(false)
    expect(await isListening({ port })).toBe(false)
    expect(processesIn(directory)).toEqual([])
    removeTempDir(directory)
    expect(existsSync(directory)).toBe(false)
  })

  it('reports the output of a program that does not start', async () => {
    const args = ['-e', 'console.error("no config"); process.exit(3)']
    const start = startServer(process.execPath, args, { listens: { port: await freePort() } })
    await expect(start).rejects.toThrow('no config')
  })
})

describe('raw client', () => {
  it('distinguishes a broken transfer from a complete one', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc')
        socket.once('data', () => socket.resetAndDestroy())
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as { port: number }
    const wire = await send({ port }, {})
    expect(await wire.head()).toMatchObject({ status: 200 })
    await wire.send('more')
    expect(await wire.reply()).toMatchObject({
      complete: false,
      framing: 'length',
      text: 'abc',
      error: 'ECONNRESET',
    })
  })
})
