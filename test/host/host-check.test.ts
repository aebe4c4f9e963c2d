/** Development servers answer only for their own names (protection against DNS rebinding). */
import { once } from 'node:events'
import { connect } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, test } from 'vitest'
import { UsageError } from '../../src/core/errors.js'
import { hostRule } from '../../src/host/allowed-hosts.js'
import { withHostCheck } from '../../src/host/host-check.js'
import { serve } from '../../src/host.js'
import { handler, run } from '../../src/index.js'
import { request } from '../support/request.js'
import { tempDir } from '../support/temp.js'
import { startHost } from './support.js'

const hello = handler(() => ({ status: 200, headers: ['Content-Type', 'text/plain'], body: 'hello' }))
const name = hostname().toLowerCase()

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean()
})

/** Runs with variables set, in this process. */
async function withEnv<T>(env: Record<string, string | undefined>, work: () => T | Promise<T>): Promise<T> {
  const before = Object.keys(env).map((key) => [key, process.env[key]] as const)
  const set = (entries: Iterable<readonly [string, string | undefined]>) => {
    for (const [key, value] of entries) {
      if (value === undefined) delete process.env[key]
      else process.env[key] = value
    }
  }
  set(Object.entries(env))
  try {
    return await work()
  } finally {
    set(before)
  }
}

describe('which hosts are allowed', () => {
  it.each([
    ['localhost', true],
    ['LocalHost:8080', true],
    ['localhost.', true],
    ['app.localhost', true],
    ['a.b.localhost:1', true],
    ['127.0.0.1', true],
    ['127.0.0.1:3000', true],
    ['127.1', true],
    ['2130706433', true],
    ['192.0.2.7', true],
    ['[::1]:8080', true],
    ['[2001:db8::1]', true],
    ['', true],
    [name, true],
    [name.toUpperCase(), true],
    [`${name}.local`, true],
    [`${name}.local:8080`, true],
    ['evil.example', false],
    ['evil.example:8080', false],
    ['localhost.evil.example', false],
    ['notlocalhost', false],
    ['evillocalhost', false],
    ['127.0.0.1.evil.example', false],
    ['127.0.0.1.nip.io', false],
    ['1.2.3.4.5', false],
    ['localhost,evil.example', false],
    [`${name}.evil.example`, false],
    ['other.local', false],
    ['%65vil.example', false],
    ['[::1', false],
  ])('%s: %s', (host, allowed) => {
    expect(hostRule().allows(host)).toBe(allowed)
  })

  it.each<[names: string[], host: string, allowed: boolean]>([
    [['app.example'], 'app.example', true],
    [['app.example'], 'APP.example:81', true],
    [['App.Example.'], 'app.example', true],
    [['app.example:8080'], 'app.example:1', true],
    [['app.example'], 'x.app.example', false],
    [['*.example'], 'x.example', true],
    [['*.example'], 'a.b.example', true],
    [['.example'], 'x.example', true],
    [['*.example'], 'example', false],
    [['*.example'], 'notexample', false],
    [['*'], 'evil.example', true],
    [['a.example', 'b.example'], 'b.example', true],
    [['xn--caf-dma.example'], 'xn--caf-dma.example', true],
    [['café.example'], 'xn--caf-dma.example', true],
  ])('with %j, %s: %s', (names, host, allowed) => {
    expect(hostRule(names).allows(host)).toBe(allowed)
  })

  it('includes the name that the server listens on', () => {
    expect(hostRule([], 'box.test').allows('box.test:8080')).toBe(true)
    expect(hostRule([], '0.0.0.0').allows('box.test')).toBe(false)
  })

  it('includes CGIUP_ALLOWED_HOSTS', async () => {
    await withEnv({ CGIUP_ALLOWED_HOSTS: 'a.example, b.example c.example' }, () => {
      const rule = hostRule(['d.example'])
      for (const host of ['a.example', 'b.example', 'c.example', 'd.example'])
        expect(rule.allows(host)).toBe(true)
      expect(rule.allows('e.example')).toBe(false)
    })
  })

  it.each([
    ['https://app.example/', /Did you mean app\.example\?/],
    ['app.example/x', /not a host name/],
    ['a@b', /not a host name/],
    ['', /not a host name/],
    ['a b', /not a host name/],
    ['*.*', /not a host name/],
    ['x.*', /not a host name/],
  ])('%j is not a name', (text, message) => {
    expect(() => hostRule([text])).toThrow(UsageError)
    expect(() => hostRule([text])).toThrow(message)
  })
})

describe('a request for another host', () => {
  it('is 421, before the app is called; the page has the option with the value to copy', async () => {
    let calls = 0
    const host = await startHost(withHostCheck(() => void calls++ as never, {}))
    const reply = await host.get('/', { headers: ['Host: Evil.example:8080'] })
    expect(reply.status).toBe(421)
    expect(calls).toBe(0)
    expect(reply.text).toContain('--allowed-host evil.example')
    expect(reply.text).toContain('CGIUP_ALLOWED_HOSTS=evil.example')
    expect(reply.header('cache-control')).toBe('no-store')
    expect(host.stderr()).toContain('421: the host is "Evil.example:8080"')
    expect(host.entries[0]?.status).toBe(421)
  })

  it.each(['POST', 'PUT', 'OPTIONS', 'PROPFIND'])('%s, too', async (method) => {
    const host = await startHost(withHostCheck(hello, {}))
    expect((await host.get('/', { method, headers: ['Host: evil.example'], body: 'x' })).status).toBe(421)
  })

  it('in an absolute target, too: it takes precedence', async () => {
    const host = await startHost(withHostCheck(hello, {}))
    expect((await host.get('http://evil.example/')).status).toBe(421)
    expect((await host.get('http://localhost/', { headers: ['Host: evil.example'] })).status).toBe(200)
  })

  it('puts no untrusted text into the page or a command line', async () => {
    const host = await startHost(withHostCheck(hello, {}))
    for (const bad of ["a';id;'", 'a&b', '-rf', 'a$(id)']) {
      const { text, status } = await host.get('/', { headers: [`Host: ${bad}`] })
      expect(status).toBe(421)
      expect(text).toContain('--allowed-host NAME')
      expect(text).not.toContain(`--allowed-host ${bad}`)
    }
  })

  it('with the header of a proxy: the page suggests NODE_ENV=production', async () => {
    const host = await startHost(withHostCheck(hello, {}))
    const { status, text } = await host.get('/', {
      headers: ['Host: site.example', 'X-Forwarded-For: 192.0.2.1'],
    })
    expect(status).toBe(421)
    expect(text).toContain('NODE_ENV=production')
    expect(text).toContain('--allowed-host site.example')
  })

  it('is logged once for each host, and for twenty at most', async () => {
    const host = await startHost(withHostCheck(hello, {}))
    for (let i = 0; i < 25; i++) await host.get('/', { headers: [`Host: h${i}.example`] })
    await host.get('/', { headers: ['Host: h1.example'] })
    expect(host.stderr().match(/421: the host is/g)).toHaveLength(20)
  })

  it('on a kept connection: each request is checked', async () => {
    const host = await startHost(withHostCheck(hello, {}))
    const socket = connect(host.port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(socket, 'data')
    socket.write('GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n')
    let got = ''
    for await (const piece of socket) got += piece
    expect(got).toMatch(/^HTTP\/1\.1 421 /)
  })
})

describe('when the check is on', () => {
  const evil = { headers: ['Host: evil.example'] }

  async function statusOf(options: Parameters<typeof run>[1]) {
    const running = await run(hello, { server: 'http', port: 0, quiet: true, ...options })
    cleanups.push(() => running.close())
    const { address } = running
    return (
      await request(typeof address === 'string' ? { path: address } : { port: address?.port as number }, evil)
    ).status
  }

  test('run() over HTTP in development', async () => {
    expect(await statusOf({})).toBe(421)
    expect(await statusOf({ development: true })).toBe(421)
    expect(await statusOf({ mount: '/app' })).toBe(421)
    expect(await statusOf({ allowedHosts: ['evil.example'] })).toBe(200)
  })

  test('not in production, and not on a Unix socket', async () => {
    expect(await statusOf({ development: false })).toBe(200)
    expect(await statusOf({ listen: `unix:${join(tempDir('cgiup'), 's')}` })).toBe(200)
  })

  test('serve() of cgiup/host', async () => {
    const statuses = []
    for (const [env, options] of [
      [undefined, {}],
      ['production', {}],
      [undefined, { allowedHosts: ['*.example'] }],
    ] as const) {
      const server = await withEnv({ NODE_ENV: env }, () =>
        serve(hello, { port: 0, stderr: () => {}, ...options }),
      )
      cleanups.push(() => server.close({ graceMs: 0 }))
      statuses.push((await request({ port: (server.address as { port: number }).port }, evil)).status)
    }
    expect(statuses).toEqual([421, 200, 200])
  })

  test('an invalid name is an error at the start', async () => {
    await expect(run(hello, { server: 'http', port: 0, allowedHosts: ['a/b'] })).rejects.toThrow(
      /not a host name/,
    )
    await expect(serve(hello, { port: 0, allowedHosts: ['a/b'] })).rejects.toThrow(/not a host name/)
  })

  test('a request without Host (HTTP/1.0) is accepted', async () => {
    const host = await startHost(withHostCheck(hello, {}))
    const socket = connect(host.port, '127.0.0.1')
    socket.write('GET / HTTP/1.0\r\n\r\n')
    let got = ''
    for await (const piece of socket) got += piece
    expect(got).toMatch(/^HTTP\/1\.1 200 /)
  })
})

describe('the option allow, over HTTP in development', () => {
  const reach = async (allow: readonly string[]) => {
    const running = await run(hello, { server: 'http', port: 0, quiet: true, allow })
    cleanups.push(() => running.close())
    const port = (running.address as { port: number }).port
    return request({ port }).then(
      ({ status }) => status,
      () => 'closed',
    )
  }

  test('closes connections of other addresses', async () => {
    expect(await reach(['127.0.0.1'])).toBe(200)
    expect(await reach(['127.0.0.0/8', '10.0.0.0/8'])).toBe(200)
    expect(await reach(['10.0.0.0/8'])).toBe('closed')
    expect(await reach(['::1'])).toBe('closed')
  })

  test('serve(): the same, with a line on stderr', async () => {
    const host = await startHost(hello, { allow: ['10.0.0.1'] })
    await expect(host.get('/')).rejects.toThrow()
    expect(host.stderr()).toContain('connection from 127.0.0.1 closed: not in the option allow')
    expect(host.entries).toEqual([])
  })

  test('an invalid address is an error at the start', async () => {
    await expect(run(hello, { server: 'http', port: 0, allow: ['nonsense'] })).rejects.toThrow(
      /not an IP address/,
    )
  })
})
