/** `cgiup call`: one request to an app or a script. */
import { beforeAll, describe, expect, it } from 'vitest'
import { cgiup, hello, write } from './cgiup.js'

describe('cgiup call', () => {
  beforeAll(() => {
    write('app.js', hello)
    write(
      'perl-like.sh',
      `#!/bin/sh
printf 'Content-Type: text/plain; charset=utf-8\\n\\n'
printf '%s %s %s %s ' "$REQUEST_METHOD" "$PATH_INFO" "$QUERY_STRING" "$REMOTE_USER"
cat
echo to the log >&2`,
      true,
    )
  })

  it('prints exactly what a script writes, and its stderr', async () => {
    expect(
      await cgiup(['call', '/a%20b?c=d', './perl-like.sh', '-d', 'body', '-e', 'REMOTE_USER=me']),
    ).toEqual({
      out: 'Content-Type: text/plain; charset=utf-8\n\nPOST /a b c=d me body',
      err: 'to the log\n',
      code: 0,
    })
  })

  it('runs an app file that is not a script', async () => {
    const { out, err, code } = await cgiup([
      'call',
      '/x?y',
      'app.js',
      '-X',
      'PUT',
      '-d',
      'a=1',
      '-d',
      'b=2',
      '-H',
      'X-A: grün',
    ])
    expect(out).toMatch(/^Status: 200 OK\r\n/)
    expect(out).toContain('PUT|/x?y|application/x-www-form-urlencoded|')
    expect(out).toMatch(/\|a=1&b=2\n$/)
    expect({ err, code }).toEqual({ err: '', code: 0 })
  })

  it('sends files and stdin', async () => {
    write('data.txt', 'from a file')
    expect((await cgiup(['call', '/', './perl-like.sh', '-d', '@data.txt'])).out).toMatch(/from a file$/)
    const { out } = await cgiup(['call', '/', './perl-like.sh', '-d', '@-'], {
      stdin: 'pipe',
      input: 'from stdin',
    })
    expect(out).toMatch(/from stdin$/)
  })

  it('mounts the app, and accepts absolute URLs', async () => {
    expect((await cgiup(['call', '/cgi/x/rest', 'app.js', '--mount', '/cgi/x'])).out).toMatch(
      /GET\|\/rest\|\|\|\/cgi\/x\|/,
    )
    write('origin.js', 'export default { fetch: (r) => new Response(r.url) }')
    expect((await cgiup(['call', 'https://example.org:8443/x', 'origin.js'])).out).toMatch(
      /https:\/\/example\.org:8443\/x$/,
    )
  })

  it('--as http: the response as a client receives it', async () => {
    const app = await cgiup(['call', '/x', 'app.js', '--as', 'http', '-d', 'b', '-e', 'REMOTE_USER=nobody'])
    expect(app.out).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nPOST\|\/x\|.*\|b\n$/)
    expect(app.code).toBe(0)
    const script = await cgiup(['call', '/x', './perl-like.sh', '--as', 'http'])
    expect(script.out).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nGET \/x {2} $/)
  })

  it('--explain: no findings', async () => {
    const { out, err, code } = await cgiup(['call', '/', './perl-like.sh', '--explain'])
    expect(out).toMatch(/^Content-Type/)
    expect(err).toContain('Nothing in this reply violates RFC 3875.')
    expect(code).toBe(0)
  })

  it('--explain: which row of the table changed the request', async () => {
    const page = ['--env', 'REQUEST_URI=/secret', '--env', 'REDIRECT_STATUS=403']
    const { out, err } = await cgiup(['call', '/denied', 'app.js', '--explain', ...page])
    expect(out).toMatch(/^Status: 403 Forbidden\r\n/)
    expect(out).toContain('/denied')
    expect(err).toContain(
      'target: the app gets "/denied" below the mount path ""; a 200 reply is sent as 403 (row error-page-below in docs/environment.md)\n',
    )
    expect(err).toContain('environment, note: The client asked for "/secret", the server serves "/denied"')
    const refused = await cgiup(['call', '/admin//../x', 'app.js', '--explain'])
    expect(refused.out).toMatch(/^Status: 400 /)
    expect(refused.err).toContain(
      'target: the reply is 400 and the app is not called (row refused in docs/environment.md)\n',
    )
  })

  it('--explain: obeys the CGIUP_REPAIRS of the script', async () => {
    const env = ['--env', 'REDIRECT_HTTP_AUTHORIZATION=Basic x', '--env']
    const on = await cgiup(['call', '/', 'app.js', '--explain', ...env, 'CGIUP_REPAIRS='])
    expect(on.err).toContain('repairs: redirect-authorization')
    const off = await cgiup([
      'call',
      '/',
      'app.js',
      '--explain',
      ...env,
      'CGIUP_REPAIRS=-redirect-authorization',
    ])
    expect(off.err).not.toContain('repairs:')
  })

  it('--explain: violations of the RFC, with line and clause', async () => {
    const script = write(
      'bad.sh',
      `#!/bin/sh\nprintf 'Content-type text/html\\nStatus: 20\\nConnection: close\\n\\nhi'\nexit 3`,
      true,
    )
    const { out, err, code } = await cgiup(['call', '/', script, '--explain'])
    expect(out).toBe('Content-type text/html\nStatus: 20\nConnection: close\n\nhi')
    expect(err).toMatch(/line 1 {2}Content-type text\/html\n {2}error: .*\n.*\(RFC 3875 6\.3\)/)
    expect(err).toMatch(/line 2 {2}Status: 20\n {2}error: .*\n.*\(RFC 3875 6\.3\.3\)/)
    expect(err).toMatch(/line 3 {2}Connection: close\n {2}error: .*\n.*\(RFC 3875 6\.3\.4\)/)
    expect(err).toContain('exited with code 3')
    expect(code).toBe(1)
  })

  it.each([
    ['nothing', 'exit 0'],
    ['half a head', "printf 'Content-Type: text/plain\\n'"],
    ['garbage', "printf 'hello\\n\\n'"],
    ['a failure', "printf 'Content-Type: text/plain\\n\\n'; exit 9"],
  ])('exit code 1 for %s', async (name, text) => {
    const script = write(`${name.replaceAll(' ', '-')}.sh`, `#!/bin/sh\n${text}`, true)
    expect((await cgiup(['call', '/', script])).code).toBe(1)
  })

  it('says why a script cannot be started', async () => {
    const cases = [
      [write('no-exec.sh', '#!/bin/sh\n'), /no permission to execute it: chmod \+x/],
      [write('no-interpreter.sh', '#!/no/such/program\n', true), /\/no\/such\/program, does not exist/],
      [write('no-shebang.pl', 'print "hello"', true), /first line must be "#!"/],
    ] as const
    for (const [script, reason] of cases) {
      const { out, err, code } = await cgiup(['call', '/', script])
      expect(err).toMatch(reason)
      expect({ out, code }).toEqual({ out: '', code: 1 })
    }
  })

  it('a large reply arrives completely through a pipe', async () => {
    const script = write(
      'large.sh',
      `#!/bin/sh\nprintf 'Content-Type: application/octet-stream\\n\\n'\nhead -c 5000000 /dev/zero`,
      true,
    )
    const { out, code } = await cgiup(['call', '/', script], { maxBuffer: 1e8 })
    expect(out.length).toBe(5_000_000 + 'Content-Type: application/octet-stream\n\n'.length)
    expect(code).toBe(0)
  })
})
