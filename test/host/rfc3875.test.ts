/** The server's side of RFC 3875, requirement by requirement, with real scripts. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cgiBin, mount } from '../../src/host.js'
import { needs } from '../support/needs.js'
import type { RawRequest } from '../support/request.js'
import { fixtures, scripts, sh, startHost } from './support.js'

const python = needs('python3')
const perl = needs('perl')

interface Facts {
  env: Record<string, string>
  argv: string[]
  cwd: string
  body: { size: number }
}

async function facts(
  target: string,
  request: RawRequest = {},
  options = {},
): Promise<Facts & { port: number }> {
  const host = await startHost(mount({ '/cgi-bin': cgiBin(fixtures, { inherit: ['PATH'], ...options }) }))
  const reply = await host.get(`/cgi-bin/facts.py${target}`, request)
  expect(reply.status).toBe(200)
  return { ...JSON.parse(reply.text), port: host.port }
}

async function run(text: string, request: RawRequest = {}) {
  const host = await startHost(mount({ '/cgi-bin': cgiBin(scripts({ 'x.cgi': text })) }))
  const reply = await host.get('/cgi-bin/x.cgi', request)
  return Object.assign(reply, { host })
}

const output = (text: string) => sh(`printf '${text}'`)

describe.skipIf(!python)('4.1 meta-variables', () => {
  test('3.3 the script-URI leads to the same SCRIPT_NAME, PATH_INFO and QUERY_STRING', async () => {
    const { env } = await facts('/a%20b/c?d=%20e')
    expect([env.SCRIPT_NAME, env.PATH_INFO, env.QUERY_STRING]).toEqual([
      '/cgi-bin/facts.py',
      '/a b/c',
      'd=%20e',
    ])
  })

  test('4.1 names differ in more than case, and are unique', async () => {
    const { env } = await facts('', { headers: ['X-Case: 1', 'x-case: 2'] })
    const names = Object.keys(env).map((name) => name.toUpperCase())
    expect(new Set(names).size).toBe(names.length)
    expect(env.HTTP_X_CASE).toBe('1, 2')
  })

  test('4.1.1 AUTH_TYPE is not set from a header that nobody verified', async () => {
    const { env } = await facts('', { headers: ['Authorization: Basic dTpw'] })
    expect([env.AUTH_TYPE, env.REMOTE_USER, env.HTTP_AUTHORIZATION]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  test('4.1.2 CONTENT_LENGTH if and only if there is a body, after removing the transfer-coding', async () => {
    expect((await facts('')).env.CONTENT_LENGTH).toBeUndefined()
    expect((await facts('', { method: 'POST', body: '' })).env.CONTENT_LENGTH).toBeUndefined()
    const sent = await facts('', { method: 'POST', body: 'hello' })
    expect([sent.env.CONTENT_LENGTH, sent.body.size]).toEqual(['5', 5])
    const chunked = await facts('', { method: 'POST', pieces: ['hel', 'lo!'] })
    expect([chunked.env.CONTENT_LENGTH, chunked.body.size]).toEqual(['6', 6])
    expect(chunked.env.HTTP_TRANSFER_ENCODING).toBeUndefined()
  })

  test('4.1.3 CONTENT_TYPE if and only if the header is there', async () => {
    expect((await facts('', { method: 'POST', body: 'x' })).env.CONTENT_TYPE).toBeUndefined()
    const { env } = await facts('', { method: 'POST', body: 'x', headers: ['Content-Type: a/b; c="d"'] })
    expect([env.CONTENT_TYPE, env.HTTP_CONTENT_TYPE]).toEqual(['a/b; c="d"', undefined])
  })

  test('4.1.4 GATEWAY_INTERFACE is CGI/1.1', async () => {
    expect((await facts('')).env.GATEWAY_INTERFACE).toBe('CGI/1.1')
  })

  test('4.1.5 PATH_INFO decoded once, case and void segments kept, bytes as they are', async () => {
    expect((await facts('/A%2541//b/')).env.PATH_INFO).toBe('/A%41//b/')
    expect((await facts('/caf%E9/caf%C3%A9')).env.PATH_INFO).toBe('/caf\xe9/caf\xc3\xa9')
    expect((await facts('/a%2Fb')).env.PATH_INFO).toBe('/a/b')
    expect((await facts('/line%0Aend%0A')).env.PATH_INFO).toBe('/line\nend\n')
    expect((await facts('')).env.PATH_INFO).toBeUndefined()
  })

  test('4.1.6 PATH_TRANSLATED with PATH_INFO, not without', async () => {
    const root = scripts({})
    expect((await facts('/a/b', {}, { documentRoot: root })).env.PATH_TRANSLATED).toBe(`${root}/a/b`)
    expect((await facts('')).env.PATH_TRANSLATED).toBeUndefined()
  })

  test('4.1.7 QUERY_STRING always, undecoded', async () => {
    expect((await facts('')).env.QUERY_STRING).toBe('')
    expect((await facts('?')).env.QUERY_STRING).toBe('')
    expect((await facts('?a=%26&b+c%zz')).env.QUERY_STRING).toBe('a=%26&b+c%zz')
  })

  test('4.1.8, 4.1.9 REMOTE_ADDR, and the address as REMOTE_HOST', async () => {
    const { env } = await facts('')
    expect([env.REMOTE_ADDR, env.REMOTE_HOST]).toEqual(['127.0.0.1', '127.0.0.1'])
  })

  test('4.1.12 REQUEST_METHOD, any that HTTP has', async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'REPORT']) {
      expect((await facts('', { method })).env.REQUEST_METHOD).toBe(method)
    }
  })

  test('4.1.13 SCRIPT_NAME decoded, "" or beginning with a slash, at every mount point', async () => {
    for (const [prefix, name] of [
      ['/', '/facts.py'],
      ['/x', '/x/facts.py'],
      ['/x/', '/x/facts.py'],
      ['/a b/c', '/a b/c/facts.py'],
    ] as const) {
      const host = await startHost(mount({ [prefix]: cgiBin(fixtures) }))
      const { env } = JSON.parse((await host.get(`${encodeURI(name)}/p`)).text)
      expect([env.SCRIPT_NAME, env.PATH_INFO]).toEqual([name, '/p'])
    }
  })

  test('4.1.14 SERVER_NAME without the port, IPv6 in brackets', async () => {
    expect((await facts('', { headers: ['Host: Example.org:8080'] })).env.SERVER_NAME?.toLowerCase()).toBe(
      'example.org',
    )
    expect((await facts('', { headers: ['Host: [::1]:8080'] })).env.SERVER_NAME).toBe('[::1]')
  })

  test('4.1.15 SERVER_PORT is the port of the connection, not the one in Host', async () => {
    const { env, port } = await facts('', { headers: ['Host: example.org:81'] })
    expect(env.SERVER_PORT).toBe(String(port))
  })

  test('4.1.16, 4.1.17 SERVER_PROTOCOL and SERVER_SOFTWARE', async () => {
    const { env } = await facts('')
    expect([env.SERVER_PROTOCOL, env.SERVER_SOFTWARE]).toEqual(['HTTP/1.1', expect.stringMatching(/^cgiup/)])
  })

  test('4.1.18 header fields as HTTP_*, repeats merged, Cookie by "; "', async () => {
    const { env } = await facts('', {
      headers: ['X-A-b: 1', 'X-A-B: 2', 'Cookie: a=1', 'Cookie: b=2', 'Accept: */*'],
    })
    expect([env.HTTP_X_A_B, env.HTTP_COOKIE, env.HTTP_ACCEPT]).toEqual(['1, 2', 'a=1; b=2', '*/*'])
  })

  test('4.1.18 Authorization withheld unless asked for; Content-* not doubled', async () => {
    const request = {
      method: 'POST',
      body: 'x',
      headers: ['Authorization: Bearer t', 'Content-Type: a/b', 'Proxy-Authorization: q'],
    }
    const { env } = await facts('', request)
    expect(env).not.toHaveProperty('HTTP_AUTHORIZATION')
    expect(env).not.toHaveProperty('HTTP_PROXY_AUTHORIZATION')
    expect(env).not.toHaveProperty('HTTP_CONTENT_TYPE')
    expect(env).not.toHaveProperty('HTTP_CONTENT_LENGTH')
    expect((await facts('', request, { passAuthorization: true })).env.HTTP_AUTHORIZATION).toBe('Bearer t')
  })
})

describe('4.2 to 4.4 the request', () => {
  test.skipIf(!python)('4.2 exactly CONTENT_LENGTH bytes on stdin, then EOF', async () => {
    const { body } = await facts('', { method: 'POST', body: Buffer.alloc(300_000, 1) })
    expect(body.size).toBe(300_000)
  })

  test('4.2 the script may leave the body unread', async () => {
    const reply = await run(output('Content-Type: text/plain\\n\\nnot read'), {
      method: 'POST',
      body: Buffer.alloc(4_000_000),
    })
    expect([reply.status, reply.text, reply.complete]).toEqual([200, 'not read', true])
  })

  test('4.3.3 the body of a reply to HEAD is discarded', async () => {
    const reply = await run(output('Content-Type: text/plain\\nContent-Length: 4\\n\\nbody'), {
      method: 'HEAD',
    })
    expect([reply.status, reply.header('content-length'), reply.size, reply.surplus.length]).toEqual([
      200,
      '4',
      0,
      0,
    ])
  })

  test.skipIf(!python)('4.4 the words of the query are not arguments', async () => {
    for (const query of ['?-s', '?a+b', '?%2Dd+x']) expect((await facts(query)).argv.slice(1)).toEqual([])
  })
})

describe('5 non-parsed header scripts', () => {
  test('5.1, 5.2 named nph-…: passed on unmodified', async () => {
    const host = await startHost(cgiBin(fixtures))
    const wire = await host.open({ target: '/nph-hello.sh' })
    let bytes = ''
    wire.socket.on('data', (data) => {
      bytes += data.toString('latin1')
    })
    const reply = await wire.reply()
    expect([reply.status, reply.reason, reply.text, reply.framing]).toEqual([
      418,
      'Own Words',
      'raw\n',
      'close',
    ])
    expect(bytes).toBe(
      'HTTP/1.1 418 Own Words\r\nX-Raw:  kept   as is\r\nContent-Type: text/plain\r\n\r\nraw\n',
    )
  })

  test('5.2 output that is not an HTTP response is an error', async () => {
    const host = await startHost(cgiBin(scripts({ 'nph-x': output('Content-Type: text/plain\\n\\nx') })))
    expect((await host.get('/nph-x')).status).toBe(502)
  })
})

describe('6 the response', () => {
  test('3.1 an interim or impossible status never reaches the client', async () => {
    for (const status of ['100 Continue', '103 Early Hints', '1000', '0200', '20', 'abc', '999', '-1']) {
      const reply = await run(output(`Status: ${status}\\nContent-Type: text/plain\\n\\nx`))
      expect([status, reply.status, reply.interim.length]).toEqual([status, 502, 0])
    }
  })

  test('6.1 an empty response is an error', async () => {
    const reply = await run(sh('exit 0'))
    expect(reply.status).toBe(502)
    expect(reply.host.stderr()).toContain('RFC 3875 section 6.1')
  })

  test('6.2.1 a document', async () => {
    const reply = await run(output('Content-Type: text/x-own\\n\\nbody'))
    expect([reply.status, reply.reason, reply.header('content-type'), reply.text]).toEqual([
      200,
      'OK',
      'text/x-own',
      'body',
    ])
  })

  test.skipIf(!perl)('6.3.3 Status with the reason of the script', async () => {
    const host = await startHost(cgiBin(fixtures))
    const reply = await host.get('/hello.pl')
    expect([reply.status, reply.reason, reply.text]).toEqual([201, 'Made', 'hello from perl\n'])
  })

  test('6.2.2 a local redirect is answered by the new path, with GET and without the body', async () => {
    const bin = scripts({
      'a.cgi': sh('cat >/dev/null; printf "Location: /cgi-bin/b.cgi/p?q=1\\n\\n"'),
      'b.cgi': sh(
        'printf "Content-Type: text/plain\\n\\n"; echo "$REQUEST_METHOD $PATH_INFO $QUERY_STRING $CONTENT_LENGTH."; wc -c',
      ),
    })
    const host = await startHost(mount({ '/cgi-bin': cgiBin(bin) }))
    const reply = await host.get('/cgi-bin/a.cgi', { method: 'POST', body: 'hello' })
    expect([reply.status, reply.text.trim().split(/\s*\n\s*/), reply.header('location')]).toEqual([
      200,
      ['GET /p q=1 .', '0'],
      undefined,
    ])
    expect((await host.get('/cgi-bin/a.cgi', { method: 'HEAD' })).size).toBe(0)
  })

  test('6.2.3 a client redirect without a body: 302', async () => {
    const reply = await run(output('Location: http://other.example/x\\n\\n'))
    expect([reply.status, reply.reason, reply.header('location'), reply.size]).toEqual([
      302,
      'Found',
      'http://other.example/x',
      0,
    ])
  })

  test('6.2.4 a client redirect with a document: status and body are kept', async () => {
    const reply = await run(
      output(
        'Status: 303 Over There\\nLocation: http://other.example/x\\nContent-Type: text/plain\\n\\nthere',
      ),
    )
    expect([reply.status, reply.reason, reply.header('location'), reply.text]).toEqual([
      303,
      'Over There',
      'http://other.example/x',
      'there',
    ])
    const created = await run(output('Status: 201\\nLocation: /new\\nContent-Type: text/plain\\n\\nmade'))
    expect([created.status, created.header('location'), created.text]).toEqual([201, '/new', 'made'])
    const ok = await run(output('Status: 200\\nLocation: /new\\nContent-Type: text/plain\\n\\nmade'))
    expect([ok.status, ok.header('location'), ok.text]).toEqual([200, '/new', 'made'])
  })

  test('6.3 field names in any case; a field without a value is ignored', async () => {
    const reply = await run(output('status: 404 nope\\nCONTENT-type: text/plain\\nX-Empty:\\n\\nx'))
    expect([reply.status, reply.reason, reply.header('x-empty')]).toEqual([404, 'nope', undefined])
  })

  test.each([
    ['a continuation line', 'Content-Type: text/plain\\n folded\\n\\nx'],
    ['a space before the colon', 'Content-Type : text/plain\\n\\nx'],
    ['no colon', 'Content-Type: text/plain\\nhello\\n\\nx'],
    ['no CGI field at all', 'X-Other: 1\\n\\nx'],
    ['two different Status fields', 'Status: 200\\nStatus: 404\\nContent-Type: a/b\\n\\n'],
    ['an empty line first', '\\nContent-Type: text/plain\\n\\nx'],
  ])('6.3 %s is an error', async (_, text) => {
    expect((await run(output(text))).status).toBe(502)
  })

  test('6.3.1 a Content-Type is not guessed from the name or the content', async () => {
    const host = await startHost(cgiBin(scripts({ 'page.html': output('Status: 200\\n\\n<html>') })))
    expect((await host.get('/page.html')).header('content-type')).not.toContain('html')
  })

  test('6.3.4 lines with LF or CR LF; fields about the connection are removed', async () => {
    const reply = await run(
      output(
        'Content-Type: text/plain\\r\\nConnection: X-Gone\\nX-Gone: 1\\nKeep-Alive: 9\\nUpgrade: tea\\nTrailer: X\\nX-Stays: 1\\r\\n\\r\\nx',
      ),
    )
    const seen = ['x-gone', 'upgrade', 'trailer', 'x-stays'].map((name) => reply.header(name))
    expect(seen).toEqual([undefined, undefined, undefined, '1'])
    expect(reply.header('keep-alive')).not.toBe('9')
  })

  test('6.3.4 Transfer-Encoding from the script is refused', async () => {
    const reply = await run(
      output('Content-Type: text/plain\\nTransfer-Encoding: chunked\\n\\n1\\r\\nx\\r\\n0\\r\\n\\r\\n'),
    )
    expect([reply.status, reply.surplus.length]).toEqual([502, 0])
    expect(reply.host.stderr()).toContain('section 6.3.4')
  })

  test.skipIf(!perl)('6.4 all output to the end, unmodified', async () => {
    const text =
      '#!/usr/bin/perl\nbinmode STDOUT; print "Content-Type: a/b\\n\\n"; print pack("C*", 0..255) x 4000;\n'
    const reply = await run(text)
    expect(
      reply.body.equals(
        Buffer.concat(Array(4000).fill(Buffer.from(Array.from({ length: 256 }, (_, i) => i)))),
      ),
    ).toBe(true)
  })
})

describe('7.2, 8, 9', () => {
  test.skipIf(!python)('7.2 the working directory is that of the script', async () => {
    expect((await facts('')).cwd).toBe(fixtures)
  })

  test.skipIf(!python)('9.2 no variable of the host leaks into the environment', async () => {
    process.env.CGIUP_TEST_SECRET = 'hidden'
    try {
      const { env } = await facts('')
      expect(JSON.stringify(env)).not.toContain('hidden')
      const foreign = ['HOME', 'USER', 'NODE_OPTIONS', 'VITEST', 'npm_config_cache', 'LANG']
      for (const name of foreign) expect(env).not.toHaveProperty(name)
    } finally {
      delete process.env.CGIUP_TEST_SECRET
    }
  })

  test('9.8 a path cannot lead out of the directory', async () => {
    const outer = scripts({ 'secret.cgi': output('Content-Type: text/plain\\n\\nsecret') })
    mkdirSync(join(outer, 'inner'))
    const host = await startHost(cgiBin(join(outer, 'inner')))
    for (const target of [
      '/../secret.cgi',
      '/%2e%2e/secret.cgi',
      '/a/../../secret.cgi',
      '/..%2fsecret.cgi',
    ]) {
      const reply = await host.get(target)
      expect([400, 404]).toContain(reply.status)
      expect(reply.text).not.toContain('secret')
    }
  })
})
