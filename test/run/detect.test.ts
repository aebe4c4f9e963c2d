import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/errors.js'
import { detect, type StdinKind, serverNames } from '../../src/run/detect.js'
import { tempDir } from '../support/temp.js'

const gateway = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'GET' }

/** Each launcher as measured: the type of fd 0, and the variables that identify it (or mislead). */
const launchers: [launcher: string, env: Record<string, string>, stdin: StdinKind, server: string][] = [
  ['Apache mod_cgid', gateway, 'socket', 'cgi'],
  ['Apache mod_cgi', gateway, 'pipe', 'cgi'],
  ['lighttpd mod_cgi', gateway, 'device', 'cgi'],
  ['lighttpd mod_cgi with a spooled body', gateway, 'file', 'cgi'],
  ['Go net/http/cgi', gateway, 'device', 'cgi'],
  ['Python http.server --cgi', gateway, 'socket', 'cgi'],
  ['nginx with fcgiwrap', { ...gateway, FCGI_ROLE: 'RESPONDER' }, 'pipe', 'cgi'],
  ['h2o (no GATEWAY_INTERFACE)', { REQUEST_METHOD: 'POST' }, 'pipe', 'cgi'],
  ['a CGI script without fd 0', gateway, 'closed', 'cgi'],
  ['mod_fcgid', { FCGID_X: '1', PATH: '/bin' }, 'listening', 'fastcgi'],
  ['lighttpd bin-path', { PHP_FCGI_CHILDREN: '1', PATH: '/bin' }, 'listening', 'fastcgi'],
  ['spawn-fcgi', {}, 'listening', 'fastcgi'],
  ['cgi-fcgi -start from a CGI script', gateway, 'listening', 'fastcgi'],
  ['systemd socket unit', { LISTEN_FDS: '1', LISTEN_PID: '77' }, 'device', 'fastcgi'],
  ['a child of a process of a systemd socket unit', { LISTEN_FDS: '1', LISTEN_PID: '76' }, 'device', 'http'],
  ['a terminal', { TERM: 'xterm' }, 'device', 'http'],
  ['a shell pipe', {}, 'pipe', 'http'],
  ['child_process.spawn of Node (socketpair)', {}, 'socket', 'http'],
  ['inetd', {}, 'socket', 'http'],
  ['empty variables', { GATEWAY_INTERFACE: '', REQUEST_METHOD: '', LISTEN_FDS: '' }, 'pipe', 'http'],
  ['php-fpm variables without a socket', { PHP_FCGI_CHILDREN: '4', FCGI_ROLE: 'RESPONDER' }, 'pipe', 'http'],
]

describe('detect', () => {
  it.each(launchers)('%s', (_, env, stdin, server) => {
    const found = detect({ env, stdin: () => stdin, pid: 77 })
    expect(found.server).toBe(server)
    expect(found.why).not.toBe('')
  })

  it('names the variable that decided', () => {
    expect(detect({ env: gateway }).why).toBe('GATEWAY_INTERFACE=CGI/1.1')
    expect(detect({ env: { REQUEST_METHOD: 'PUT' } }).why).toBe('REQUEST_METHOD=PUT')
  })

  it('lets the caller choose, and CGIUP_SERVER overrides the caller', () => {
    expect(detect({ env: gateway, server: 'http' })).toEqual({
      server: 'http',
      why: 'the option "server" is set',
    })
    expect(detect({ env: { CGIUP_SERVER: 'CGI' }, server: 'http', stdin: () => 'listening' })).toEqual({
      server: 'cgi',
      why: 'CGIUP_SERVER is set',
    })
    expect(detect({ env: { ...gateway, CGIUP_SERVER: 'auto' } }).server).toBe('cgi')
    expect(detect({ env: { CGIUP_SERVER: '' }, server: 'auto' }).server).toBe('http')
  })

  it('finds all sockets of systemd, including those restricted to a protocol by name', () => {
    const env = { LISTEN_FDS: '4', LISTEN_PID: '77', LISTEN_FDNAMES: 'http:app.socket:SCGI:connection' }
    expect(detect({ env, pid: 77 })).toEqual({
      server: 'fastcgi',
      why: 'LISTEN_FDS=4 passes listening sockets',
      sockets: [{ fd: 3, protocol: 'http' }, { fd: 4 }, { fd: 5, protocol: 'scgi' }, { fd: 6 }],
    })
    expect(detect({ env: { LISTEN_FDS: '2' }, pid: 77 }).sockets).toEqual([{ fd: 3 }, { fd: 4 }])
    for (const LISTEN_FDS of ['0', '-1', 'x', '1e1'])
      expect(detect({ env: { LISTEN_FDS }, pid: 77 }).server).toBe('http')
  })

  it('reports which process the sockets of systemd are for, if it is another one', () => {
    expect(detect({ env: { LISTEN_FDS: '1', LISTEN_PID: '76' }, pid: 77 }).why).toBe(
      'no gateway started this process (LISTEN_FDS is for process 76)',
    )
  })

  it.each(['fastcgi', 'scgi', 'http'])('%s, if chosen, uses the sockets too', (server) => {
    const env = { LISTEN_FDS: '1', LISTEN_PID: '77' }
    expect(detect({ env, server, pid: 77 })).toMatchObject({ server, sockets: [{ fd: 3 }] })
    expect(detect({ env: {}, server, stdin: () => 'listening' }).sockets).toEqual([{ fd: 0 }])
    expect(detect({ env: {}, server, stdin: () => 'device' }).sockets).toBeUndefined()
  })

  it('does not check fd 0 if the server is given', () => {
    const stdin = () => {
      throw new Error('looked')
    }
    expect(detect({ env: {}, server: 'cgi', stdin }).server).toBe('cgi')
  })

  it('refuses unknown names; the error lists the known ones and the most similar', () => {
    const attempt = () => detect({ env: { CGIUP_SERVER: 'htpp' } })
    expect(attempt).toThrow(UsageError)
    expect(attempt).toThrow(/"htpp".*auto, cgi, fastcgi, scgi, http.*Did you mean "http"\?/)
    expect(() => detect({ env: {}, server: 'websocket' })).toThrow(/option "server" names.*"websocket"/)
    expect(() => detect({ env: {}, server: 'websocket' })).not.toThrow(/Did you mean/)
  })

  it('lists its names', () => {
    expect(serverNames).toEqual(['auto', 'cgi', 'fastcgi', 'scgi', 'http'])
  })
})

describe('fd 0 of a real process', () => {
  const module = new URL('../../dist/run/detect.js', import.meta.url).href
  const program = `import { stdinKind } from ${JSON.stringify(module)}; process.stderr.write(stdinKind())`
  const kind = (stdin: 'ignore' | 'pipe' | number) =>
    String(
      spawnSync(process.execPath, ['--input-type=module', '-e', program], {
        stdio: [stdin, 'ignore', 'pipe'],
      }).stderr,
    )
  const descriptor = (owner: net.Server | net.Socket) =>
    (owner as unknown as { _handle: { fd: number } })._handle.fd

  const sockets = [
    ['Unix', () => join(tempDir('fd'), 's')],
    ['TCP', () => ({ host: '127.0.0.1', port: 0 })],
  ] as const
  it.each(sockets)('distinguishes a listening %s socket from a connected one', async (_, place) => {
    const server = net.createServer()
    const accepted = new Promise<net.Socket>((resolve) => server.on('connection', resolve))
    await new Promise<void>((resolve) => server.listen(place(), resolve))
    expect(kind(descriptor(server))).toBe('listening')
    const address = server.address() as net.AddressInfo | string
    const client = net.connect(typeof address === 'string' ? { path: address } : { port: address.port })
    const connection = await accepted
    expect(kind(descriptor(connection))).toBe('socket')
    // The probe wrote nothing and closed nothing.
    connection.end('still open')
    const received = await new Promise<string>((resolve) =>
      client.on('data', (data) => resolve(String(data))),
    )
    expect(received).toBe('still open')
    client.destroy()
    connection.destroy()
    await new Promise((resolve) => server.close(resolve))
  })

  it('a socket whose sender has already closed is not mistaken for a listening one', async () => {
    const waits = `import fs from 'node:fs'; fs.readSync(3, Buffer.alloc(1)); ${program}`
    const child = spawn(process.execPath, ['--input-type=module', '-e', waits], {
      stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    })
    const [stdin, , stderr, gate] = child.stdio as unknown as [Writable, null, Readable, Writable]
    stdin.end('short body')
    await once(stdin, 'close')
    gate.end('.')
    let said = ''
    for await (const piece of stderr) said += piece
    expect(said).toBe('socket')
  })

  it('recognizes /dev/null and the socketpair that Node gives to children', () => {
    expect(kind('ignore')).toBe('device')
    expect(kind('pipe')).toBe('socket')
  })

  it('recognizes a shell pipe, a file and a closed descriptor', () => {
    const shell = (line: string) =>
      spawnSync('sh', ['-c', line], {
        env: { ...process.env, NODE: process.execPath, PROGRAM: program },
        encoding: 'utf8',
      }).stderr
    expect(shell('echo | "$NODE" --input-type=module -e "$PROGRAM"')).toBe('pipe')
    expect(shell('"$NODE" --input-type=module -e "$PROGRAM" < "$NODE"')).toBe('file')
    // Node opens /dev/null if a standard descriptor is closed.
    expect(shell('"$NODE" --input-type=module -e "$PROGRAM" <&-')).toBe('device')
  })
})
