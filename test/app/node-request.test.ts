import { readFileSync } from 'node:fs'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { NodeRequest } from '../../src/app/node/request.js'
import { type Call, replyTo } from './node-exchange.js'

/** Returns what an app sees of a request. */
async function see<T>(look: (req: NodeRequest, res: ServerResponse) => T, target = '/', call: Call = {}) {
  let seen: T | undefined
  await replyTo(
    (req, res) => {
      seen = look(req as NodeRequest, res)
      res.end()
    },
    target,
    call,
  )
  return seen as T
}

const paths = (req: NodeRequest) => [req.url, req.originalUrl, req.baseUrl]

describe('req', () => {
  test('is an IncomingMessage, res a ServerResponse, the socket a Duplex', async () => {
    expect(
      await see((req, res) => [
        req instanceof IncomingMessage,
        res instanceof ServerResponse,
        req.socket instanceof Duplex,
        req.connection === req.socket && res.socket === req.socket && res.req === req,
      ]),
    ).toEqual([true, true, true, true])
  })

  test.each<[string, string, Call, string[]]>([
    ['at the root', '/a%2Fb?c=d', {}, ['/a%2Fb?c=d', '/a%2Fb?c=d', '']],
    [
      'below a mount path',
      '/cgi-bin/app.cgi/users/1?x',
      { mount: '/cgi-bin/app.cgi' },
      ['/users/1?x', '/cgi-bin/app.cgi/users/1?x', '/cgi-bin/app.cgi'],
    ],
    [
      'at the mount path itself',
      '/cgi-bin/app.cgi?x',
      { mount: '/cgi-bin/app.cgi', env: { PATH_INFO: undefined } },
      ['/?x', '/cgi-bin/app.cgi?x', '/cgi-bin/app.cgi'],
    ],
    [
      'with the full path',
      '/app/users',
      { mount: '/app', options: { url: 'full' } },
      ['/app/users', '/app/users', ''],
    ],
    [
      'with a mount path by option',
      '/front/users',
      { options: { mount: '/front' } },
      ['/users', '/front/users', '/front'],
    ],
    [
      'with a target in absolute form',
      '/x',
      { env: { REQUEST_URI: 'http://example.com/x?y' } },
      ['/x?y', 'http://example.com/x?y', ''],
    ],
    ['for the whole server', '*', { method: 'OPTIONS' }, ['*', '*', '']],
  ])('url, originalUrl and baseUrl %s', async (_, target, call, expected) => {
    expect(await see(paths, target, call)).toEqual(expected)
  })

  test('headers, rawHeaders and headersDistinct show the same fields', async () => {
    const headers = { 'X-A': '1', Cookie: 'a=1; b=2', 'Set-Cookie': 'odd=1' }
    const seen = await see((req) => [req.headers, req.headersDistinct, req.rawHeaders] as const, '/', {
      headers,
    })
    expect(seen[0]).toMatchObject({ 'x-a': '1', cookie: 'a=1; b=2', 'set-cookie': ['odd=1'] })
    expect(seen[1]).toMatchObject({ 'x-a': ['1'], cookie: ['a=1; b=2'], 'set-cookie': ['odd=1'] })
    const at = seen[2].indexOf('x-a')
    expect(seen[2].slice(at, at + 2)).toEqual(['x-a', '1'])
  })

  test('headers are the same object each time, and may be set', async () => {
    const seen = await see((req) => {
      const first = req.headers
      first['x-added'] = 'yes'
      const same = req.headers === first && req.headers['x-added'] === 'yes'
      req.headers = { 'x-new': '1' }
      return [same, req.headers]
    })
    expect(seen).toEqual([true, { 'x-new': '1' }])
  })

  test('added properties stay when a framework swaps the prototype, as Express does', async () => {
    const seen = await see(
      (req) => {
        Object.setPrototypeOf(req, Object.create(IncomingMessage.prototype))
        return [
          req.headers['x-a'],
          req.headersDistinct['x-a'],
          req.env.REMOTE_USER,
          req.rawHeaders.includes('x-a'),
        ]
      },
      '/',
      { headers: { 'X-A': '1' }, env: { REMOTE_USER: 'ann' } },
    )
    expect(seen).toEqual(['1', ['1'], 'ann', true])
  })

  test('a Latin-1 header value keeps its bytes', async () => {
    const list = ['Host', 'x', 'X-A', 'caf\u00e9']
    expect(await see((req) => req.headers['x-a'], '/', { headers: list })).toBe('caf\u00e9')
  })

  test('env holds the CGI variables', async () => {
    const env = { REMOTE_USER: 'J\u00fcrgen', AUTH_TYPE: 'Basic', SSL_PROTOCOL: 'TLSv1.3' }
    expect(await see((req) => req.env, '/', { env })).toMatchObject({ ...env, REQUEST_METHOD: 'GET' })
  })

  test.each([
    ['HTTP/1.0', ['1.0', 1, 0]],
    ['HTTP/1.1', ['1.1', 1, 1]],
    ['HTTP/2.0', ['2.0', 2, 0]],
    ['HTTP/3', ['3.0', 3, 0]],
    ['INCLUDED', ['1.1', 1, 1]],
  ])('httpVersion of %s', async (SERVER_PROTOCOL, expected) => {
    const seen = await see((req) => [req.httpVersion, req.httpVersionMajor, req.httpVersionMinor], '/', {
      env: { SERVER_PROTOCOL },
    })
    expect(seen).toEqual(expected)
  })
})

describe('req.socket', () => {
  test('has the local and the remote address', async () => {
    const env = {
      REMOTE_ADDR: '2001:db8::1',
      REMOTE_PORT: '1234',
      SERVER_ADDR: '192.0.2.1',
      SERVER_PORT: '8443',
    }
    const seen = await see(
      ({ socket }) => ({
        remote: [socket.remoteAddress, socket.remotePort, socket.remoteFamily],
        local: [socket.localAddress, socket.localPort],
        address: socket.address(),
      }),
      '/',
      { env },
    )
    expect(seen).toEqual({
      remote: ['2001:db8::1', 1234, 'IPv6'],
      local: ['192.0.2.1', 8443],
      address: { address: '192.0.2.1', family: 'IPv4', port: 8443 },
    })
  })

  test('is encrypted if the scheme is https', async () => {
    const encrypted = ({ socket }: NodeRequest) => (socket as { encrypted?: boolean }).encrypted
    expect(await see(encrypted)).toBeUndefined()
    expect(await see(encrypted, 'https://example.com/')).toBe(true)
  })

  test('supports the calls that programs make on sockets', async () => {
    const seen = await see(({ socket }) =>
      [
        socket.setNoDelay(),
        socket.setKeepAlive(true, 1),
        socket.ref(),
        socket.unref(),
        socket.setTimeout(0),
      ].every((returned) => returned === socket),
    )
    expect(seen).toBe(true)
  })

  test('shows the certificate that the web server verified', async () => {
    const certificate = ({ socket }: NodeRequest) => {
      const tls = socket as unknown as { authorized: boolean; getPeerCertificate(): unknown }
      return [tls.authorized, tls.getPeerCertificate()]
    }
    expect(await see(certificate)).toEqual([false, {}])
    const env = {
      SSL_CLIENT_VERIFY: 'SUCCESS',
      SSL_CLIENT_S_DN: 'CN=ann,O=Club',
      SSL_CLIENT_I_DN_CN: 'Club CA',
      SSL_CLIENT_M_SERIAL: '0A',
      SSL_CLIENT_V_END: 'Jan  1 00:00:00 2030 GMT',
    }
    expect(await see(certificate, '/', { env })).toEqual([
      true,
      {
        subject: { CN: 'ann', O: 'Club' },
        issuer: { CN: 'Club CA' },
        serialNumber: '0A',
        valid_from: undefined,
        valid_to: 'Jan  1 00:00:00 2030 GMT',
      },
    ])
  })

  test('shows the complete certificate if the server passes it on', async () => {
    const pem = readFileSync(new URL('../fixtures/tls/client.pem', import.meta.url), 'latin1')
    const names = { SSL_CLIENT_S_DN: 'CN=ann,O=Club' }
    const subject = ({ socket }: NodeRequest) =>
      (socket as unknown as { getPeerCertificate(): { subject: object; raw?: Buffer } }).getPeerCertificate()
    const whole = await see(subject, '/', { env: { ...names, SSL_CLIENT_CERT: pem } })
    expect({ ...whole.subject }).toEqual({ CN: 'ann', O: 'Club' })
    expect(whole.raw?.length).toBeGreaterThan(300)
    // nginx's $ssl_client_cert
    const tabs = await see(subject, '/', { env: { SSL_CLIENT_CERT: pem.trim().replaceAll('\n', '\n\t') } })
    expect(tabs.raw).toEqual(whole.raw)
    const broken = await see(subject, '/', { env: { ...names, SSL_CLIENT_CERT: '-----BEGIN NONSENSE' } })
    expect(broken).toMatchObject({ subject: { CN: 'ann', O: 'Club' } })
  })
})
