/** Bugs of other hosts, each with its number in SPEC's bug history, as tests of this host. */
import { describe, expect, test } from 'vitest'
import { Environment } from '../../src/env/environment.js'
import { changeVariables, DerivedExchange } from '../../src/host/derived-exchange.js'
import { cgiBin, files, mount } from '../../src/host.js'
import { needs } from '../support/needs.js'
import type { RawRequest } from '../support/request.js'
import { fixtures, scripts, sh, startHost } from './support.js'

const python = needs('python3')

async function factsOf(request: RawRequest, options = {}, target = '/facts.py') {
  const host = await startHost(cgiBin(fixtures, options))
  return JSON.parse((await host.get(target, request)).text)
}

const page = (text: string) => sh(`printf 'Content-Type: text/plain\\n\\n'; ${text}`)

describe.skipIf(!python)('the environment', () => {
  test('1 httpoxy: a Proxy header never becomes HTTP_PROXY', async () => {
    const { env } = await factsOf({ headers: ['Proxy: http://evil', 'proxy: x', 'PROXY: y'] })
    expect(env).not.toHaveProperty('HTTP_PROXY')
  })

  test('5 php-cgi argument injection: the query is never an argument', async () => {
    for (const query of ['?-s', '?-d+allow_url_include%3d1', '?%ADd', '?a']) {
      expect((await factsOf({}, {}, `/facts.py${query}`)).argv).toHaveLength(1)
    }
  })

  test('18 a chunked upload gets a length', async () => {
    const facts = await factsOf({ method: 'POST', pieces: ['a'.repeat(70_000), 'b'] })
    expect([facts.env.CONTENT_LENGTH, facts.body.size]).toEqual(['70001', 70_001])
  })

  test('25 repeated headers are joined, cookies by their own rule', async () => {
    const { env } = await factsOf({
      headers: ['Cookie: a="1, 2"', 'Cookie: b=3', 'X-Forwarded-For: 1', 'X-Forwarded-For: 2'],
    })
    expect([env.HTTP_COOKIE, env.HTTP_X_FORWARDED_FOR]).toEqual(['a="1, 2"; b=3', '1, 2'])
  })

  test('26 names that would collide with another header are dropped', async () => {
    const { env } = await factsOf({
      headers: [
        'X-Forwarded-For: good',
        'X_Forwarded_For: evil',
        'X.Forwarded.For: evil',
        "X'Forwarded'For: evil",
        'Content_Length: 9',
      ],
    })
    expect(env.HTTP_X_FORWARDED_FOR).toBe('good')
    expect(JSON.stringify(env)).not.toContain('evil')
    expect(env.CONTENT_LENGTH).toBeUndefined()
  })

  test('27 configured variables do not take precedence over those of the request', async () => {
    const given = {
      REQUEST_METHOD: 'EVIL',
      PATH_INFO: '/evil',
      SCRIPT_NAME: 'evil',
      CONTENT_LENGTH: '9',
      HTTPS: 'on',
      OWN: 'mine',
      PATH: '/usr/bin:/bin',
    }
    const { env } = await factsOf({}, { env: given })
    expect([env.REQUEST_METHOD, env.SCRIPT_NAME, env.OWN, env.PATH]).toEqual([
      'GET',
      '/facts.py',
      'mine',
      '/usr/bin:/bin',
    ])
    expect(env).not.toHaveProperty('PATH_INFO')
    expect(env).not.toHaveProperty('CONTENT_LENGTH')
  })

  test('12 the environment is built from zero: nothing but the request, the script and the inherit list', async () => {
    const { env } = await factsOf({}, { inherit: [] })
    const known =
      /^(GATEWAY_INTERFACE|SERVER_\w+|REMOTE_\w+|REQUEST_\w+|SCRIPT_\w+|QUERY_STRING|DOCUMENT_ROOT|REDIRECT_STATUS|HTTP_(HOST|CONNECTION)|NODE_ENV)$/
    // Python and the dynamic loader of some systems set these variables themselves.
    const own = /^(LC_CTYPE|__\w+|PWD|SHLVL|_|PYENV_\w+|PATH|OLDPWD)$/
    expect(Object.keys(env).filter((name) => !known.test(name) && !own.test(name))).toEqual([])
  })

  test('49 more than 64 KiB of variables', async () => {
    const value = 'x'.repeat(30_000)
    const host = await startHost(cgiBin(fixtures), { maxHeaderBytes: 200_000 })
    const reply = await host.get('/facts.py', {
      headers: [`X-A: ${value}`, `X-B: ${value}`, `X-C: ${value}`],
    })
    expect(JSON.parse(reply.text).env.HTTP_X_C).toBe(value)
  })
})

describe('redirects', () => {
  test('43 a loop of local redirects ends after ten, with 500', async () => {
    const directory = scripts({
      'x.cgi': sh('echo x >> count; printf "Location: /x.cgi?again\\n\\n"'),
      'count.cgi': page('wc -l < count'),
    })
    const host = await startHost(cgiBin(directory, { development: false }))
    expect((await host.get('/x.cgi')).status).toBe(500)
    expect(host.stderr()).toContain('11 local redirects for one request')
    expect((await host.get('/count.cgi')).text.trim()).toBe('11')
  })

  test('46 a local redirect passes the guards of the new path: it starts at the top handler', async () => {
    const open = cgiBin(scripts({ 'x.cgi': sh('printf "Location: /admin/y.cgi\\n\\n"') }))
    const admin = cgiBin(scripts({ 'y.cgi': page('echo secret') }))
    const host = await startHost(
      mount({
        '/open': open,
        '/admin': (x) =>
          x.env.get('HTTP_AUTHORIZATION')
            ? admin(x)
            : { status: 401, headers: ['Content-Type', 'text/plain'], body: 'no' },
      }),
    )
    expect((await host.get('/open/x.cgi')).status).toBe(401)
    expect((await host.get('/open/x.cgi', { headers: ['Authorization: yes'] })).text).toBe('secret\n')
  })

  test('46 a local redirect from below a mount point cannot leave it: the client is redirected', async () => {
    const inner = cgiBin(scripts({ 'x.cgi': sh('printf "Location: /elsewhere\\n\\n"') }))
    const host = await startHost((x) => {
      const list = changeVariables(x.env.list, { SCRIPT_NAME: '/front', PATH_INFO: '/x.cgi' })
      return inner(new DerivedExchange(x, new Environment(list)))
    })
    const reply = await host.get('/front/x.cgi')
    expect([reply.status, reply.header('location')]).toEqual([302, '/elsewhere'])
  })

  test('48 "//host" is never a local path', async () => {
    const host = await startHost(
      cgiBin(scripts({ 'x.cgi': sh('printf "Location: //other.example/x\\n\\n"') })),
    )
    const reply = await host.get('/x.cgi')
    expect([reply.status, reply.header('location')]).toEqual([302, '//other.example/x'])
  })

  test('a cookie set with a local redirect is not lost', async () => {
    const directory = scripts({
      'login.cgi': sh('printf "Location: /home.cgi\\nSet-Cookie: a=1\\n\\n"'),
      'home.cgi': sh('printf "Content-Type: text/plain\\nSet-Cookie: b=2\\n\\nhome"'),
    })
    const host = await startHost(cgiBin(directory))
    const reply = await host.get('/login.cgi')
    expect([reply.text, reply.headerAll('set-cookie')]).toEqual(['home', ['a=1', 'b=2']])
  })

  test('a local redirect may lead to a file', async () => {
    const bin = cgiBin(scripts({ 'x.cgi': sh('printf "Location: /page.html\\n\\n"') }))
    const host = await startHost(
      mount({ '/bin': bin, '/': files(scripts({ 'page.html': Buffer.from('<p>page') })) }),
    )
    const reply = await host.get('/bin/x.cgi', { method: 'POST', body: 'x' })
    expect([reply.status, reply.text]).toEqual([200, '<p>page'])
  })
})

describe('the reply', () => {
  test('13 response splitting: control characters in the head are refused', async () => {
    for (const line of ['X-A: a\\rX-Evil: 1', 'X-A: a\\0b', 'X-A: \\033[31m', 'X A: 1', ': 1']) {
      const host = await startHost(
        cgiBin(scripts({ 'x.cgi': sh(`printf 'Content-Type: a/b\\n${line}\\n\\nx'`) })),
      )
      const reply = await host.get('/x.cgi')
      expect([line, reply.status, reply.header('x-evil')]).toEqual([line, 502, undefined])
    }
  })

  test('16 framing made by a script is not passed on', async () => {
    const host = await startHost(
      cgiBin(scripts({ 'x.cgi': sh("printf 'Content-Type: a/b\\nTransfer-Encoding: identity\\n\\nx'") })),
    )
    expect((await host.get('/x.cgi')).status).toBe(502)
  })

  test('17 Content-Length that is not a number: 502', async () => {
    for (const length of ['-1', 'x', '12345678901234567890', '1 2', '0x10', '1.5']) {
      const host = await startHost(
        cgiBin(scripts({ 'x.cgi': sh(`printf 'Content-Type: a/b\\nContent-Length: ${length}\\n\\nx'`) })),
      )
      expect([length, (await host.get('/x.cgi')).status]).toEqual([length, 502])
    }
  })

  test.each([
    ['HEAD', page('echo body')],
    ['HEAD', sh('printf "Location: /real.cgi\\n\\n"')],
    ['GET', sh('printf "Status: 204\\n\\nbody"')],
    ['GET', sh('printf "Status: 304\\nContent-Type: a/b\\n\\nbody"')],
  ])('42 no body for %s, 204 and 304, whatever the script writes', async (method, text) => {
    const host = await startHost(cgiBin(scripts({ 'x.cgi': text, 'real.cgi': page('echo body') })))
    const wire = await host.open({ target: '/x.cgi', method, headers: ['Connection: keep-alive'] })
    const reply = await wire.reply()
    await wire.send('GET /real.cgi HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect([reply.size, reply.surplus.length]).toEqual([0, 0])
    wire.close()
  })
})

test('8 a script that does not read its body can still answer, at once', async () => {
  const host = await startHost(cgiBin(scripts({ 'x.cgi': page('echo early') })))
  const reply = await host.get('/x.cgi', { method: 'POST', body: Buffer.alloc(4 * 1024 * 1024) })
  expect([reply.status, reply.text]).toEqual([200, 'early\n'])
})

test('47 only an existing regular file with exactly that name is a script', async () => {
  const host = await startHost(
    cgiBin(scripts({ 'x.php': Buffer.from('SOURCE') }), { handler: { '.php': 'cat' } }),
  )
  for (const target of ['/x.PHP', '/x.%EF%BD%90hp', '/x.php%20', '/y.php', '/x.php%E2%80%8B']) {
    expect((await host.get(target)).status).toBe(404)
  }
})
