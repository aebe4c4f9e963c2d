import { describe, expect, it } from 'vitest'
import { ScriptError } from '../../src/cgi/script/error.js'
import { AppError, RequestError, shortage } from '../../src/core/errors.js'
import type { Exchange } from '../../src/core/exchange.js'
import { maxKeptOutput, recordOutput } from '../../src/core/recorded-output.js'
import { environmentOf, MemoryExchange } from '../../src/memory/exchange.js'
import { errorReply } from '../../src/pages/error-page.js'

function exchangeFor(headers: string[] = [], env: Record<string, string> = {}): Exchange {
  const facts = { method: 'GET', target: '/x?y', scheme: 'http', body: null } as const
  const request = { ...facts, headers, role: 'responder', file: null } as const
  const owner = { stderr() {}, waitUntil() {} }
  return new MemoryExchange(environmentOf(request, { env }), request, owner)
}

async function page(error: unknown, accept?: string, development = true, env: Record<string, string> = {}) {
  const exchange = exchangeFor(accept === undefined ? [] : ['Accept', accept], env)
  const reply = await errorReply(error, exchange, { development })
  return { ...reply, body: reply.body as string }
}

const html = 'text/html,application/xhtml+xml,*/*;q=0.8'

describe('the type of the page', () => {
  it.each([
    [html, 'text/html; charset=utf-8'],
    ['*/*', 'text/plain; charset=utf-8'],
    [undefined, 'text/plain; charset=utf-8'],
    ['application/json', 'application/json; charset=utf-8'],
    ['application/json, text/html', 'application/json; charset=utf-8'],
    ['TEXT/HTML', 'text/html; charset=utf-8'],
    ['image/png', 'text/plain; charset=utf-8'],
  ])('for Accept %j is %s', async (accept, type) => {
    for (const development of [true, false]) {
      const { headers } = await page(new Error('x'), accept, development)
      expect(headers.slice(0, 4)).toEqual(['Content-Type', type, 'Cache-Control', 'no-store'])
    }
  })
})

describe('in production', () => {
  const secret = new Error('the secret of /home/me', { cause: new Error('another secret') })

  it.each([html, 'text/plain', 'application/json'])(
    'a client that accepts %s learns nothing',
    async (accept) => {
      const { status, body } = await page(secret, accept, false, {
        DB_PASSWORD: 'hunter2',
        PATH_SECRET: '/srv',
      })
      expect(status).toBe(500)
      expect(body).not.toMatch(/secret|home|at |hunter2|\/srv/)
      expect(body.length).toBeLessThan(300)
    },
  )

  it('a 503 has Retry-After', async () => {
    const short = shortage(Object.assign(new Error('x'), { code: 'EMFILE' }), 'The file could not be kept')
    const { status, headers } = await page(short, html, false)
    expect([status, ...headers.slice(-2)]).toEqual([503, 'Retry-After', '5'])
    expect((await page(secret, html, false)).headers).not.toContain('Retry-After')
  })

  it('tells a client the status of its own error, but not the message', async () => {
    const { status, body } = await page(
      new RequestError('REQUEST_BODY_SHORT', 'internal detail'),
      html,
      false,
    )
    expect(status).toBe(400)
    expect(body).toContain('400 Bad Request')
    expect(body).not.toContain('internal detail')
  })

  it('does not use the status of foreign errors, nor 499', async () => {
    const http404 = Object.assign(new Error('x'), { status: 404, statusCode: 404 })
    expect((await page(http404, html, false)).status).toBe(500)
    expect((await page(new RequestError('REQUEST_ABORTED'), html, false)).status).toBe(500)
  })
})

describe('in development', () => {
  it('shows error, causes, stack and the line of the source', async () => {
    const error = new TypeError('outer', { cause: new RangeError('inner') })
    const { body } = await page(error, html)
    expect(body).toContain('<h1>TypeError: outer</h1>')
    expect(body).toContain('<h3>RangeError: inner</h3>')
    expect(body).toMatch(/<mark>.*new TypeError\(&#39;outer&#39;/)
    expect(body).toContain('error-page.test.ts')
  })

  it('shows code and fix of our own errors', async () => {
    const { status, body } = await page(new AppError('HEADER_INVALID', 'Header "X" has LF.'), 'text/plain')
    expect(status).toBe(500)
    expect(body).toContain('AppError: Header "X" has LF.')
    expect(body).toContain('Remove control characters')
  })

  it('ends a loop of causes', async () => {
    const first = new Error('first')
    const second = new Error('second', { cause: first })
    first.cause = second
    expect((await page(second, 'text/plain')).body.match(/Caused by/g)).toHaveLength(1)
  })

  it.each([
    ['a string', 'a string'],
    [null, 'null'],
    [undefined, ''],
    [{ code: 7 }, '{"code":7}'],
    [Object.assign(() => {}, { toString: () => 'a function' }), 'a function'],
  ])('shows what else was thrown: %s', async (thrown, text) => {
    expect((await page(thrown, 'text/plain')).body).toContain(text)
  })

  it('escapes everything', async () => {
    const evil = '<script>alert("1")</script>\'&'
    const { body } = await page(new Error(evil, { cause: evil }), html, true, {
      HTTP_X_EVIL: evil,
      QUERY_STRING: evil,
    })
    expect(body).not.toContain('<script')
    expect(body).not.toContain(evil)
    expect(body).toContain('&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#39;&#38;')
  })

  it.each([
    'HTTP_AUTHORIZATION',
    'REDIRECT_HTTP_AUTHORIZATION',
    'HTTP_PROXY_AUTHORIZATION',
    'HTTP_COOKIE',
    'HTTP_X_API_KEY',
    'DB_PASSWORD',
    'MYSQL_PASSWD',
    'AWS_SECRET_ACCESS_KEY',
    'GITHUB_TOKEN',
    'SESSION_ID',
  ])('masks %s in every form', async (name) => {
    const hidden = 'q'.repeat(16) // Not in this source, whose lines are on the page.
    for (const accept of [html, 'text/plain', 'application/json']) {
      const { body } = await page(new Error('x'), accept, true, { [name]: hidden })
      expect(body).not.toContain(hidden)
      if (accept !== 'application/json') expect(body).toContain('16 characters, not shown')
    }
  })

  it('shows other variables, sorted', async () => {
    const { body } = await page(new Error('x'), 'text/plain', true, { ZEBRA: 'z', APPLE: 'a' })
    const names = body.slice(body.indexOf('Environment')).match(/^ {4}[^=]+/gm)
    expect(names).toContain('    APPLE')
    expect(names).toEqual([...(names ?? [])].sort())
  })

  it('reports what is wrong with the environment', async () => {
    for (const accept of [html, 'text/plain']) {
      const { body } = await page(new Error('x'), accept, true, { CONTENT_LENGTH: '-1' })
      expect(body).toContain('Known problems of this environment')
      expect(body).toContain('(RFC 3875 4.1.2)')
    }
  })

  it('shows the output of a script, but not its environment', async () => {
    const report = {
      file: '/cgi/x.pl',
      output: '<b>oops',
      stderr: 'at line 7',
      exit: 'exited with code 3',
      command: ['TOP', 'x'].join('='),
    }
    const error = new ScriptError('PROGRAM_HEAD_INVALID', 'No head.', report)
    for (const accept of [html, 'text/plain']) {
      const { status, body } = await page(error, accept)
      expect(status).toBe(502)
      expect(body).toMatch(/\/cgi\/x\.pl exited with code 3[\s\S]*(<|&#60;)b(>|&#62;)oops[\s\S]*at line 7/)
      expect(body).not.toContain(report.command)
    }
    expect((await page(error, html)).body).not.toContain('<b>oops')
  })

  it('gives stack and causes as JSON', async () => {
    const { body } = await page(new Error('outer', { cause: new Error('inner') }), 'application/json')
    const { error } = JSON.parse(body)
    expect(error).toMatchObject({ status: 500, title: 'Error: outer', causes: [{ title: 'Error: inner' }] })
    expect(error.stack[0]).toMatch(/^at /)
  })
})

describe('the output of a request', () => {
  async function printed(print: (exchange: Exchange) => void | Promise<void>): Promise<string> {
    const exchange = exchangeFor()
    const handler = recordOutput(async (inner) => {
      await print(inner)
      return { status: 204, headers: [], body: null }
    })
    await handler(exchange)
    const { body } = await errorReply(new Error('x'), exchange, { development: true })
    return body as string
  }

  it('is shown, without colours', async () => {
    const body = await printed((exchange) => {
      process.stderr.write('\x1b[31mred\x1b[0m on stderr\n')
      exchange.stderr('diagnosed\n')
    })
    expect(body).toContain('Output\n    red on stderr\n    diagnosed\n')
  })

  it('is separate for concurrent requests', async () => {
    const meet = deferred()
    const one = printed(async () => {
      await meet.promise
      process.stderr.write('of the first\n')
    })
    const two = printed(() => {
      process.stderr.write('of the second\n')
      meet.resolve()
    })
    expect(await one).toMatch(/^(?![\s\S]*of the second)[\s\S]*of the first/)
    expect(await two).toMatch(/^(?![\s\S]*of the first)[\s\S]*of the second/)
  })

  it(`is kept up to ${maxKeptOutput} characters, the last ones`, async () => {
    const body = await printed((exchange) => exchange.stderr(`begin${'.'.repeat(maxKeptOutput)}end`))
    expect(body).not.toContain('begin')
    expect(body).toContain('.end')
    expect(body.length).toBeLessThan(maxKeptOutput + 5000)
  })
})

function deferred() {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
