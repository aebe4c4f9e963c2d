import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { readEnviron } from '../../src/cgi/child/environ.js'
import { needs, which } from '../support/needs.js'
import { script, variables } from './script-process.js'

const exec = promisify(execFile)

/** The variables as the script sees them if execve() starts it with exactly these bytes. */
async function seen(entries: readonly string[]): Promise<{ list: string[]; proxy: string | null }> {
  const base = Object.entries(variables('environment')).map(([name, value]) => `${name}=${value}`)
  const block = [...base, ...entries].map((entry) => Buffer.from(entry, 'latin1').toString('hex'))
  // Perl, because neither a shell nor Node can pass an environment with repeats and raw bytes.
  const program = `
    my $number = { x86_64 => 59, aarch64 => 221 }->{(POSIX::uname())[4]} or exit 77;
    my @env = map { pack 'H*', $_ } @ARGV[2..$#ARGV];
    my @arg = @ARGV[0, 1];
    syscall($number, $arg[0], pack('p*x8', @arg), pack('p*x8', @env)); die "execve: $!"`
  const perl = which('perl') as string
  const { stdout } = await exec(perl, ['-MPOSIX', '-e', program, process.execPath, script, ...block], {
    encoding: 'buffer',
  })
  return JSON.parse(stdout.subarray(stdout.indexOf('\r\n\r\n') + 4).toString())
}

function values(list: readonly string[], name: string): string[] {
  return list.filter((_, i) => i % 2 === 1 && list[i - 1] === name)
}

describe.skipIf(!needs('perl') || process.platform !== 'linux')('true bytes of the environment', () => {
  it('that are not UTF-8 arrive as they were sent', async () => {
    const { list } = await seen(['HTTP_X=caf\xe9 \xff', 'PATH_INFO=/\xe4'])
    expect(values(list, 'HTTP_X')).toEqual(['caf\xe9 \xff'])
    expect(values(list, 'PATH_INFO')).toContain('/\xe4')
  })

  it('that are UTF-8, too', async () => {
    const { list } = await seen(['HTTP_X=caf\xc3\xa9'])
    expect(values(list, 'HTTP_X')).toEqual(['caf\xc3\xa9'])
  })

  it('U+FFFD sent by the client is what it was', async () => {
    const { list } = await seen(['HTTP_X=\xef\xbf\xbd'])
    expect(values(list, 'HTTP_X')).toEqual(['\xef\xbf\xbd'])
  })

  it('repeated names come all through fcgiwrap', async () => {
    const { list } = await seen(['FCGI_ROLE=RESPONDER', 'HTTP_COOKIE=a=1', 'HTTP_COOKIE=b=2'])
    expect(values(list, 'HTTP_COOKIE')).toEqual(['a=1', 'b=2'])
  })

  it('HTTP_PROXY stays away, whichever way is taken', async () => {
    for (const more of ['FCGI_ROLE=RESPONDER', 'HTTP_X=\xff', 'HTTP_X=plain']) {
      const { list, proxy } = await seen([more, 'HTTP_PROXY=http://evil.example'])
      expect(values(list, 'HTTP_PROXY')).toEqual([])
      expect(proxy).toBe(null)
    }
  })
})

describe('readEnviron()', () => {
  it('keeps what the program has changed', () => {
    process.env.FCGI_ROLE = 'RESPONDER'
    process.env.CGIUP_TEST_ADDED = 'ä'
    const { PATH } = process.env
    process.env.PATH = `/new:${PATH}`
    try {
      const env = readEnviron()
      expect(env.get('CGIUP_TEST_ADDED')).toBe('\xc3\xa4')
      expect(values(env.list, 'PATH')).toEqual([`/new:${PATH}`])
      expect(values(env.list, 'HOME')).toEqual(process.env.HOME === undefined ? [] : [process.env.HOME])
    } finally {
      process.env.PATH = PATH
      delete process.env.FCGI_ROLE
      delete process.env.CGIUP_TEST_ADDED
    }
  })

  it('takes a record without the process', () => {
    expect(readEnviron({ A: 'caf\u00e9' }).list).toEqual(['A', 'caf\xc3\xa9'])
  })
})
