/** Secrets on pages: from the request, from `--env`, and printed by a script itself. */
import { describe, expect, test } from 'vitest'
import { isSecret, Secrets, shownValue } from '../../src/env/secrets.js'
import { cgiBin } from '../../src/host.js'
import { scripts, sh, startHost } from './support.js'

const basic = `Basic ${btoa('me:correct-horse')}`
const hidden = [
  'configured-value',
  'abc123def',
  'tok-987654',
  'correct-horse',
  'hunter22',
  'query-secret',
  basic,
]
const headers = [
  'Cookie: sid=abc123def; theme=dark',
  `Authorization: ${basic}`,
  'X-Api-Key: tok-987654',
  'Referer: http://localhost/?access_token=query-secret',
]
const env = { PLAIN: 'configured-value', DATABASE_URL: 'postgres://me:hunter22@db/x', SHORT: 'xy' }
/** A script that fails and prints its environment, as cgitb does. */
const talkative = sh('env | sort; env >&2; exit 3')

describe('the page of cgiup host', () => {
  for (const [name, script] of [
    ['prints its environment', talkative],
    ['fails in silence', sh('exit 3')],
    ['says it in its head', sh('echo "Status: $PLAIN $HTTP_COOKIE $HTTP_AUTHORIZATION"; echo')],
    ['cannot be started', '#!/no/such/interpreter\n'],
  ] as const) {
    test(`has no secrets of a script that ${name}`, async () => {
      const options = { development: true, env, passAuthorization: true }
      const host = await startHost(cgiBin(scripts({ 'x.cgi': script }), options))
      const target = '/x.cgi?token=query-secret&page=7'
      const { status, text } = await host.get(target, { headers })
      expect(status).toBe(502)
      for (const value of hidden) expect(text).not.toContain(value)
      // The command still runs the script by hand.
      for (const part of [
        'PLAIN=&#34;$PLAIN&#34;',
        'HTTP_COOKIE=&#34;$HTTP_COOKIE&#34;',
        'page=7',
        'REQUEST_METHOD=GET',
      ])
        expect(text).toContain(part)
    })
  }
})

test('a part of a secret is not shown either', async () => {
  // Messages quote 100 bytes of the output.
  const script = sh(`printf '%s' "${'-'.repeat(92)}$PLAIN"; exit 3`)
  const host = await startHost(cgiBin(scripts({ 'x.cgi': script }), { development: true, env }))
  const { text } = await host.get('/x.cgi')
  expect(text).toContain('-(cut, not shown)')
  expect(text).not.toContain('-conf')
  expect(host.stderr()).not.toContain('-conf')
})

describe('names of secrets', () => {
  test.each([
    'HTTP_AUTHORIZATION',
    'REDIRECT_HTTP_AUTHORIZATION',
    'HTTP_PROXY_AUTHORIZATION',
    'HTTP_COOKIE',
    'HTTP_X_API_KEY',
    'DB_PASSWORD',
    'MYSQL_PWD',
    'PHP_AUTH_PW',
    'PGPASSWORD',
    'SENTRY_DSN',
    'AWS_ACCESS_KEY_ID',
    'HTTP_X_CSRF_TOKEN',
    'HTTP_X_XSRF',
    'JWT',
    'STRIPE_KEY',
    'SSL_SESSION_ID',
    'HTTP_X_AMZ_SIGNATURE',
    'HTTP_X_AUTH',
    'secret_key_base',
  ])('%s', (name) => {
    expect(isSecret(name)).toBe(true)
    expect(shownValue(name, 'value')).toBe('(5 characters, not shown)')
    expect(shownValue(name, '')).toBe('')
  })

  test.each([
    'PWD',
    'OLDPWD',
    'PATH',
    'REMOTE_USER',
    'AUTH_TYPE',
    'HTTP_ACCEPT',
    'KEYBOARD',
    'COMPASS',
    'NODE_ENV',
    'PATH_INFO',
  ])('not %s', (name) => {
    expect(isSecret(name)).toBe(false)
    expect(shownValue(name, '/a?b=c')).toBe('/a?b=c')
  })
})

describe('secrets in other text', () => {
  test.each([
    ['postgres://me:pass@host/db', 'postgres://me:(not shown)@host/db'],
    ['https://token@github.com/x', 'https://token:(not shown)@github.com/x'],
    ['/x?a=1&api_key=zzz&b=2', '/x?a=1&api_key=(3 characters, not shown)&b=2'],
    ['host=db password=abc user=me', 'host=db password=(3 characters, not shown) user=me'],
    ['a=1&b=2', 'a=1&b=2'],
    ['pass=abc&key=abcd', 'pass=(3 characters, not shown)&key=(4 characters, not shown)'],
    [
      '/x?password%5B0%5D=abc&token[]=x',
      '/x?password%5B0%5D=(3 characters, not shown)&token[]=(1 characters, not shown)',
    ],
    ['the key=value of a map', 'the key=value of a map'],
    ['mail me@example.com, http://example.com/@me', 'mail me@example.com, http://example.com/@me'],
  ])('%s', (text, expected) => {
    expect(new Secrets().masked(text)).toBe(expected)
  })

  test('the longest first, parts of cookies and credentials too, but not short ones', () => {
    const secrets = new Secrets()
    secrets.addAll(['HTTP_COOKIE', 'a=abcdefgh; b=abcdefghij', 'OTHER', 'plain-value', 'TOKEN', 'xy'])
    secrets.add('Bearer zyxwvut')
    expect(secrets.masked('abcdefghij abcdefgh zyxwvut plain-value xy')).toBe(
      '(10 characters, not shown) (8 characters, not shown) (7 characters, not shown) plain-value xy',
    )
  })

  test('in quotes, decoded, escaped, in a query, truncated', () => {
    const secrets = new Secrets()
    secrets.addAll([
      'HTTP_COOKIE',
      'sid="abc%20defghij"',
      'A_TOKEN',
      'line one\nline two',
      'A_SECRET',
      'say "x" now',
    ])
    secrets.addAll(['QUERY_STRING', 'pass=hunter%2F22&page=number-seven', 'PATH_INFO', 'pass=other-one'])
    for (const text of [
      '\\"abc%20defghij\\"',
      'abc defghij',
      'line one\\nline two',
      'say \\"x\\" now',
      'hunter/22',
    ])
      expect([text, secrets.masked(`it is ${text}, `)]).toEqual([
        text,
        expect.stringContaining('characters, not shown)'),
      ])
    expect(secrets.masked('number-seven other-one')).toBe('number-seven other-one')
    expect(secrets.masked('began with "x hunter/2…"')).toBe('began with "x (cut, not shown)…"')
    expect(secrets.masked('began with "hunt…", (abc…)')).toBe(
      'began with "(cut, not shown)…", ((cut, not shown)…)',
    )
    expect(secrets.masked('plain…')).toBe('plain…')
  })

  test('takes time linear in the length of the text', () => {
    const text = 'a://'.repeat(20_000) + 'token='.repeat(20_000) + '?&'.repeat(20_000)
    const begun = performance.now()
    new Secrets().masked(text)
    // Some milliseconds; quadratic time would be minutes.
    expect(performance.now() - begun).toBeLessThan(10_000)
  })
})
