/** A process that ends during its replies: none of them looks complete, and the log names the cause. */

import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { get, Peer, record } from '../fastcgi/peer.js'
import { signalProcess, until } from '../support/processes.js'
import { allForms, type Form, forms, requestBytes, type Started, startForm } from './forms.js'

/** `/wait` never answers, `/part` never continues; `/exit`, `/throw` and `/reject` end the process. */
const app = `async (request) => {
  const { pathname } = new URL(request.url)
  if (pathname === '/pid') return new Response('pid ' + process.pid)
  console.error('begun ' + pathname)
  const part = () => new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode('part ')) })
  if (pathname === '/part') return new Response(part())
  if (pathname === '/exit') process.exit(3)
  if (pathname === '/throw') setImmediate(() => { throw new Error('nobody catches this') })
  if (pathname === '/reject') Promise.reject(new Error('nobody takes this'))
  return new Promise(() => {})
}`

const ends = [
  ['/exit', 'process.exit(3) was called at Object.fetch'],
  ['/throw', 'exit code 1: an uncaught error'],
  ['/reject', 'exit code 1: an uncaught error'],
] as const

const begun = (server: Started, target: string) => until(() => server.output().includes(`begun ${target}`))

describe.each(allForms.map((form) => [form.name, form] as const))('%s', (_, form: Form) => {
  it.each(ends)(
    '%s: a 500 for every request without a response head, and a log line for each',
    async (target, why) => {
      const server = await startForm(form, app)
      const other = server.ask('/wait')
      expect(await begun(server, '/wait')).toBe(true)
      const replies = await Promise.all([server.ask(target), other])
      for (const reply of replies) {
        expect(reply).toMatch(/^(Status:|HTTP\/1.1) 500 Internal Server Error\r\n/)
        expect(reply).toMatch(/\r\n\r\n500 Internal Server Error\n$/)
      }
      for (const path of [target, '/wait']) {
        const lines = () =>
          server
            .output()
            .split('\n')
            .filter((line) => line.includes(`GET ${path}: `))
        expect(await until(() => lines().length > 0), server.output()).toBe(true)
        expect(lines()).toEqual([expect.stringMatching(/^cgiup: GET \/\w+: the process ended(?!.*GET)/)])
      }
      expect(server.output()).toContain(why)
      // Each line has the prefix once, and no empty line follows.
      expect(server.output()).not.toMatch(/cgiup: [A-Z]+ \S+: cgiup:|the process ended.*\n\n(?!file:)/)
    },
  )
})

/** Each route ends its response, then the process. */
const ending = `(req, res) => {
  if (req.url === '/at-once') { res.end('all of it'); process.exit(0) }
  if (req.url === '/later') setTimeout(() => { res.end('all of it'); process.exit(0) }, 20)
  if (req.url === '/finished') {
    res.on('finish', () => process.exit(0))
    setTimeout(() => res.end('all of it'), 20)
  }
  if (req.url === '/twice') {
    res.on('finish', () => process.exit(0))
    setTimeout(() => { res.end('all of it'); process.exit(1) }, 20)
  }
  if (req.url === '/part') setTimeout(() => { res.write('a part'); process.exit(0) }, 20)
  if (req.url === '/large') { res.end('x'.repeat(1_000_000)); process.exit(0) }
}`

describe.each(allForms.map((form) => [form.name, form] as const))('%s, a Node app', (_, form: Form) => {
  it.each(['/at-once', '/later', '/finished', '/twice'])(
    '%s: a response that was ended is sent',
    async (target) => {
      const server = await startForm(form, ending)
      const reply = await server.ask(target)
      expect(reply).toMatch(/^(Status:|HTTP\/1.1) 200 OK\r\n/)
      expect(reply).toMatch(/\r\n\r\nall of it$/)
    },
  )

  it('a response that was not ended becomes a 500, and a large one is complete', async () => {
    const part = await (await startForm(form, ending)).ask('/part')
    expect(part).toMatch(/^(Status:|HTTP\/1.1) 500 Internal Server Error\r\n/)
    const large = await (await startForm(form, ending)).ask('/large')
    // Over HTTP, bytes that a socket does not accept at once are lost, which Content-Length reveals.
    if (form.protocol === 'http') expect(large).toMatch(/^content-length: 1000000\r$/im)
    else expect(large.split('\r\n\r\n')[1]?.length).toBe(1_000_000)
  })
})

describe('a reply whose head was sent', () => {
  it('FastCGI: there is no END_REQUEST, and a record that shows the break', async () => {
    const server = await startForm(forms.fastcgi, app)
    const peer = new Peer(server.place)
    peer.send(get(1, ['REQUEST_URI', '/part'], false))
    await peer.until(() => peer.answer(1).body === 'part ')
    await server.ask('/exit')
    await peer.close()
    expect(peer.answer(1)).toMatchObject({ protocolStatus: undefined, stdoutEnded: false, body: 'part ' })
    expect(peer.answer(1).types.at(-1)).toBe(2)
    expect(server.output()).toContain('GET /part: the reply was cut off: the process ended')
  })

  it('FastCGI, several on one connection: each is ended separately', async () => {
    const server = await startForm(forms.fastcgi, app)
    const peer = new Peer(server.place)
    peer.send(get(1, ['REQUEST_URI', '/part']) + get(2, ['REQUEST_URI', '/wait']))
    await peer.until(() => peer.answer(1).body === 'part ')
    expect(await begun(server, '/wait')).toBe(true)
    await server.ask('/throw')
    await peer.close()
    expect(peer.answer(1)).toMatchObject({ protocolStatus: undefined, stdoutEnded: false })
    expect(peer.answer(2)).toMatchObject({ status: '500', protocolStatus: 0 })
    expect(peer.answer(2).stderr).toMatch(/^cgiup: GET \/wait: the process ended.*\n$/)
  })

  it('FastCGI: a stream that a Node app has ended is complete', async () => {
    const server = await startForm(
      forms.fastcgi,
      `(req, res) => {
        res.write('one ')
        setTimeout(() => { res.write('two '); res.end('three'); process.exit(0) }, 50)
      }`,
    )
    const peer = new Peer(server.place)
    peer.send(get(1, [], false))
    await peer.close()
    expect(peer.answer(1)).toMatchObject({ protocolStatus: 0, body: 'one two three' })
  })

  it('FastCGI, more than the socket accepts: everything written so far, then the connection breaks', async () => {
    const size = 3_000_000
    const server = await startForm(
      forms.fastcgi,
      `async (request) => {
        const piece = new Uint8Array(${size}).fill(120)
        setTimeout(() => process.exit(1), 50)
        return new Response(new ReadableStream({ start: (c) => c.enqueue(piece) }))
      }`,
    )
    const peer = new Peer(server.place)
    peer.send(get(1, [], false))
    await peer.close()
    expect(peer.answer(1)).toMatchObject({ protocolStatus: undefined })
    expect(peer.answer(1).body.length).toBe(size)
    expect(peer.answer(1).types.at(-1)).toBe(2)
  })

  it('FastCGI, many peers that read nothing: the process ends soon, and other peers get their replies', async () => {
    const stalled = 30
    const server = await startForm(
      forms.fastcgi,
      `async (request) => {
        const { pathname } = new URL(request.url)
        if (pathname === '/exit') process.exit(3)
        if (pathname === '/wait') return new Promise(() => {})
        console.error('begun')
        return new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(3_000_000)) }))
      }`,
    )
    const sockets = Array.from({ length: stalled }, () => connect(server.place).pause())
    for (const socket of sockets) socket.write(requestBytes('fastcgi', '/part'), 'latin1')
    expect(await until(() => server.output().split('begun').length > stalled)).toBe(true)
    const waiting = server.ask('/wait')
    const asked = performance.now()
    expect(await server.ask('/exit')).toContain('500 Internal Server Error')
    expect(await waiting).toContain('500 Internal Server Error')
    expect(await until(() => server.exit() !== undefined)).toBe(true)
    expect(performance.now() - asked).toBeLessThan(3000)
    for (const socket of sockets) socket.destroy()
  })

  it('HTTP: the last chunk is missing', async () => {
    const server = await startForm(forms.http, app)
    const part = server.ask('/part')
    expect(await begun(server, '/part')).toBe(true)
    await server.ask('/exit')
    expect(await part).toMatch(/part \r\n$/)
  })
})

describe('a process ended by signals', () => {
  it('a second signal: 503, and replies that had begun are visibly broken', async () => {
    const server = await startForm(forms.fastcgi, app)
    const peer = new Peer(server.place)
    peer.send(get(1, ['REQUEST_URI', '/part']) + get(2, ['REQUEST_URI', '/wait']))
    await peer.until(() => peer.answer(1).body === 'part ')
    expect(await begun(server, '/wait')).toBe(true)
    signalProcess(server.pid, 'SIGTERM')
    signalProcess(server.pid, 'SIGINT')
    await peer.close()
    expect(peer.answer(2)).toMatchObject({ status: '503', protocolStatus: 0 })
    expect(peer.answer(1).types.at(-1)).toBe(2)
    expect(server.output()).toMatch(/GET \/wait: SIG(INT|TERM) was received a second time/)
  })

  it('with workers too', async () => {
    const server = await startForm(forms.workers, app)
    const peer = new Peer(server.place)
    peer.send(get(1, ['REQUEST_URI', '/wait']))
    expect(await begun(server, '/wait')).toBe(true)
    signalProcess(server.pid, 'SIGTERM')
    signalProcess(server.pid, 'SIGINT')
    await peer.close()
    expect(peer.answer(1)).toMatchObject({ status: '503', protocolStatus: 0 })
  })

  it.each([forms.fastcgi, forms.scgi, forms.http])('$name: 503 when graceMs is over', async (form) => {
    const server = await startForm(form, app, { options: { graceMs: 200 } })
    const reply = server.ask('/wait')
    expect(await begun(server, '/wait')).toBe(true)
    signalProcess(server.pid, 'SIGTERM')
    expect(await reply).toMatch(/^(Status:|HTTP\/1.1) 503 Service Unavailable\r\n/)
    expect(await until(() => server.exit() !== undefined)).toBe(true)
    expect(server.exit()).toEqual({ code: 0, signal: null })
    expect(server.output()).toContain(
      'GET /wait: the process was told to stop, and the request took too long',
    )
  })
})

it('a request with incomplete parameters gets no reply', async () => {
  const server = await startForm(forms.fastcgi, app)
  const peer = new Peer(server.place)
  peer.send(record(1, 1, '\0\x01\0\0\0\0\0\0'))
  await server.ask('/exit')
  await peer.close()
  expect(peer.answer(1).stdout).toBe('')
})
