/** `run()` as a server, and when it cannot start. */
import { existsSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { until } from '../support/processes.js'
import { request, send } from '../support/request.js'
import { app, directory, node, program, serve } from './programs.js'

describe('as a development server', () => {
  it('reports where it listens and why, logs requests, does not write to stdout', async () => {
    const file = program(
      'banner.mjs',
      `import { run } from 'cgiup'\nconsole.log('mine')\nrun(${app}, { port: 0 })`,
    )
    const server = await serve(file)
    expect((await request({ port: server.port }, { target: '/hello' })).text).toBe('/hello\n')
    await until(() => server.log().includes('/hello'))
    const [banner, line] = server.log().split('\n')
    expect(banner).toBe(
      `cgiup: http://127.0.0.1:${server.port}/ (HTTP: no gateway started this process; Ctrl-C stops it)`,
    )
    expect(line).toMatch(/^\d\d:\d\d:\d\d 127\.0\.0\.1 GET \/hello 200 7 B \S+ m?s$/)
    expect(server.out()).toBe('mine\n')
    server.child.kill('SIGINT')
    expect(await server.exit).toBe(0)
  })

  it('gives the result: server, why, url, address, close', async () => {
    const file = program(
      'result.mjs',
      `import { run } from 'cgiup'
      const running = await run(${app}, { port: 0, quiet: true })
      const { server, why, url, address } = running
      console.log(JSON.stringify({ server, why, url, port: address.port, text: await (await fetch(url + '/x')).text() }))
      await running.close()`,
    )
    const { stdout, stderr, exitCode } = await node(file)
    const found = JSON.parse(stdout)
    expect(found).toMatchObject({ server: 'http', why: 'no gateway started this process', text: '/x\n' })
    expect(found.url).toBe(`http://127.0.0.1:${found.port}`)
    // After close() nothing keeps the process alive.
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
  })

  it('lets running requests end on Ctrl-C', async () => {
    const file = program(
      'slow.mjs',
      `import { run } from 'cgiup'
      run({ async fetch() {
        console.log('waiting')
        await new Promise((resolve) => setTimeout(resolve, 150))
        return new Response('finished')
      } }, { port: 0 })`,
    )
    const server = await serve(file)
    const wire = await send({ port: server.port }, {})
    await until(() => server.out().includes('waiting'))
    server.child.kill('SIGINT')
    expect((await wire.reply()).text).toBe('finished')
    expect(await server.exit).toBe(0)
    wire.close()
  })

  it('ends at once on the second Ctrl-C', async () => {
    const file = program(
      'stuck.mjs',
      `import { run } from 'cgiup'
      run({ fetch: () => new Promise(() => console.log('waiting')) }, { port: 0 })`,
    )
    const server = await serve(file)
    const wire = await send({ port: server.port }, {})
    await until(() => server.out().includes('waiting'))
    server.child.kill('SIGTERM')
    const refused = () =>
      new Promise<boolean>((resolve) => {
        const socket = net.connect(server.port, '127.0.0.1', () => resolve(false))
        socket.on('error', () => resolve(true)).on('connect', () => socket.destroy())
      })
    expect(await until(refused)).toBe(true)
    expect(server.child.exitCode).toBeNull()
    server.child.kill('SIGTERM')
    expect(await server.exit).toBe('SIGTERM')
    wire.close()
  })

  it('lets an app with its own signal handler end the process', async () => {
    const file = program(
      'own-signal.mjs',
      `import { run } from 'cgiup'
      process.on('SIGTERM', () => setTimeout(() => { console.log('cleaned up'); process.exit(7) }, 50))
      run(${app}, { port: 0 })`,
    )
    const server = await serve(file)
    server.child.kill('SIGTERM')
    expect(await server.exit).toBe(7)
    expect(server.out()).toBe('cleaned up\n')
  })

  it('listens on a Unix socket and removes it', async () => {
    const socket = join(directory, 'app.sock')
    const file = program('unix.mjs', `import { run } from 'cgiup'\nrun(${app}, { listen: 'unix:${socket}' })`)
    const server = await serve(file)
    expect((await request({ path: socket }, { target: '/u' })).text).toBe('/u\n')
    expect(server.log()).toMatch(/^cgiup: unix:\S+\/app\.sock \(HTTP/)
    server.child.kill('SIGINT')
    expect(await server.exit).toBe(0)
    expect(existsSync(socket)).toBe(false)
  })

  it('serves below a mount path and redirects visitors to it', async () => {
    const text =
      "{ fetch: (r, env, c) => new Response([new URL(r.url).pathname, c.mount, env.SCRIPT_NAME].join(' ')) }"
    const file = program('mount.mjs', `import { run } from 'cgiup'\nrun(${text}, { port: 0, mount: '/app' })`)
    const { port } = await serve(file)
    expect((await request({ port }, { target: '/app/x' })).text).toBe('/x /app /app')
    expect((await request({ port }, { target: '/' })).header('location')).toBe('/app/')
    const outside = await request({ port }, { target: '/apple' })
    expect(outside.status).toBe(404)
    expect(outside.text).toContain('/app/')
  })

  it('obeys the limit maxBodyBytes', async () => {
    const sum = '{ fetch: async (r) => new Response(String((await r.text()).length)) }'
    const file = program(
      'limit.mjs',
      `import { run } from 'cgiup'\nrun(${sum}, { port: 0, limits: { maxBodyBytes: 10 } })`,
    )
    const { port } = await serve(file)
    const post = (body: string) => request({ port }, { method: 'POST', body })
    expect(await post('x'.repeat(10))).toMatchObject({ status: 200, text: '10' })
    expect((await post('x'.repeat(11))).status).toBe(413)
  })

  it('shows errors unless NODE_ENV is production', async () => {
    const failing = "{ fetch() { console.log('about to fail'); throw new Error('on purpose') } }"
    const file = program('failing.mjs', `import { run } from 'cgiup'\nrun(${failing}, { port: 0 })`)
    const html = ['Accept: text/html', 'Authorization: Bearer abcdef']
    const shown = await request({ port: (await serve(file)).port }, { headers: html })
    expect(shown.status).toBe(500)
    expect(shown.text).toContain('Error: on purpose')
    expect(shown.text).toContain('about to fail')
    expect(shown.text).toContain('failing.mjs:2')
    expect(shown.text).not.toContain('abcdef')
    const hidden = await request(
      { port: (await serve(file, { NODE_ENV: 'production' })).port },
      { headers: html },
    )
    expect(hidden.status).toBe(500)
    expect(hidden.text).not.toMatch(/on purpose|about to fail/)
  })
})

describe('in production', () => {
  it('close() gives running requests graceMs to end', async () => {
    const file = program(
      'grace.mjs',
      `import { run } from 'cgiup'
      let asked
      const waiting = new Promise((resolve) => { asked = resolve })
      const stuck = { fetch: () => { asked(); return new Promise(() => {}) } }
      const running = await run(stuck, { port: 0, quiet: true, graceMs: 50 })
      const reply = fetch(running.url)
      await waiting
      await running.close()
      console.log((await reply).status)`,
    )
    const { stdout, exitCode } = await node(file, { NODE_ENV: 'production' })
    expect({ stdout, exitCode }).toEqual({ stdout: '503', exitCode: 0 })
  })
})

describe('a failed start', () => {
  it('without await: two lines and exit code 1', async () => {
    const other = net.createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as AddressInfo
    for (const [name, load] of [
      ['taken.mjs', "import { run } from 'cgiup'"],
      ['taken.cjs', "const { run } = require('cgiup')"],
    ] as const) {
      // Another active handle must not keep the process alive without its server.
      const text = `${load}\nsetInterval(() => {}, 1000)\nrun(${app}, { port: ${port} })`
      const { stdout, stderr, exitCode } = await node(program(name, text))
      expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 1 })
      expect(stderr.split('\n')).toEqual([
        `cgiup: 127.0.0.1:${port} is in use: another program listens there.`,
        expect.stringMatching(/^ {7}\S/),
      ])
    }
    other.close()
  })

  it('with await: rejects', async () => {
    const text = (wait: string) => `import { run } from 'cgiup'
      const promise = run(${app}, { listen: 'nonsense' })
      ${wait}`
    for (const wait of [
      'try { await promise } catch (error) { console.log(error.code) }',
      'promise.catch((error) => console.log(error.code))',
      'promise.then(undefined, (error) => console.log(error.code))',
      'Promise.all([promise]).catch((error) => console.log(error.code))',
      'promise.finally(() => {}).catch((error) => console.log(error.code))',
    ]) {
      const { stdout, stderr, exitCode } = await node(program('waits.mjs', text(wait)))
      expect({ wait, stdout, stderr, exitCode }).toEqual({
        wait,
        stdout: 'ADDRESS_INVALID',
        stderr: '',
        exitCode: 0,
      })
    }
  })

  it.each([
    ['no app', 'run(42)', {}, /The app is a number/],
    [
      'an unknown server',
      `run(${app})`,
      { CGIUP_SERVER: 'fastcgy' },
      /CGIUP_SERVER names the unknown server "fastcgy"; known servers are auto, cgi, fastcgi, scgi, http/,
    ],
    [
      'socket activation without a socket',
      `run(${app})`,
      { LISTEN_FDS: '1' },
      /Descriptor 3 is not a listening socket/,
    ],
  ])('%s', async (_, call, env, message) => {
    const { stdout, stderr, exitCode } = await node(
      program('wrong.mjs', `import { run } from 'cgiup'\n${call}`),
      env,
    )
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 1 })
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/\n\s+at /)
  })
})

describe('as a FastCGI process', () => {
  it('if fd 0 is a listening socket: FastCGI and SCGI on one TCP socket, and no HTTP; SIGTERM ends it, even with silent connections', async () => {
    const file = program('fcgi.mjs', `import { run } from 'cgiup'\nrun(${app})`)
    const socket = net.createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => socket.once('listening', resolve))
    const { port } = socket.address() as net.AddressInfo
    const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
    const child = execa(process.execPath, [file], {
      stdin: fd as never,
      env: { PHP_FCGI_CHILDREN: '1' },
      // As spawn-fcgi does; in a group whose leader has ended, it would assume that its web server is dead.
      detached: true,
      reject: false,
    })
    const talk = (bytes: string) =>
      new Promise<string>((resolve) => {
        let got = ''
        net
          .connect(port, '127.0.0.1')
          .on('data', (chunk) => {
            got += chunk.toString('latin1')
          })
          .on('close', () => resolve(got))
          .end(bytes, 'latin1')
      })
    const head = 'CONTENT_LENGTH\x000\0SCGI\x001\0REQUEST_URI\0/\0'
    socket.close() // From now on only the process accepts.
    const silent = net.connect(port, '127.0.0.1').on('error', () => {})
    try {
      const http = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
      expect(await talk(http)).toBe('')
      const open = net.connect(port, '127.0.0.1')
      let scgi = ''
      open.on('data', (chunk) => {
        scgi += chunk.toString('latin1')
      })
      open.write(`${head.length}:${head},`)
      await new Promise((resolve) => open.once('close', resolve))
      expect(scgi).toMatch(/^Status: 200 OK/)
    } finally {
      child.kill('SIGTERM')
    }
    const { exitCode, stderr } = await child
    silent.destroy()
    expect(exitCode).toBe(0)
    expect(stderr).toMatch(/^cgiup: closed an HTTP connection from 127\.0\.0\.1: [^\n]*--server http[^\n]*$/)
  })
})
