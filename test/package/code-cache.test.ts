import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { answered, app, cgi, common, install, type RunAs, runIn } from './installed.js'

let place: string
let dist: string
let cache: string

beforeAll(() => {
  ;({ place, dist, cache } = install())
  // Independent of the umask with which this repository was checked out.
  chmodSync(join(dist, 'core.code.js'), 0o644)
})
beforeEach(() => rmSync(cache, { recursive: true, force: true }))

const ask = (as?: RunAs) => runIn(place, 'a.cjs', common, as)
const files = () => readdirSync(cache)
const only = () => {
  const [name, ...others] = files()
  expect(others).toEqual([])
  return join(cache, name as string)
}
const isRoot = process.getuid?.() === 0
/** nobody */
const stranger = 65534

describe('the code cache', () => {
  it('is written after the first request, and not rewritten after that', () => {
    ask()
    const file = only()
    expect(file).toContain(`${process.version}-${process.arch}`)
    const first = statSync(file)
    expect(ask()).toMatch(answered)
    expect(runIn(place, 'a.mjs', `import { run } from 'cgiup'\nrun(${app})`)).toMatch(answered)
    const { mtimeMs, ino } = statSync(only())
    expect({ mtimeMs, ino }).toEqual({ mtimeMs: first.mtimeMs, ino: first.ino })
  })

  it('is separate for other flags, however long, and for another build of the same Node', () => {
    ask()
    const long = `--max-old-space-size=${'0'.repeat(90)}`
    ask({ args: [`${long}64`] })
    ask({ args: [`${long}65`] })
    expect(files()).toHaveLength(3)
    const node = join(place, 'node')
    copyFileSync(process.execPath, node)
    utimesSync(node, 1, 1)
    ask({ node })
    rmSync(node)
    expect(files()).toHaveLength(4)
  })

  it('keeps sixteen files', () => {
    mkdirSync(cache)
    for (let i = 0; i < 20; i++) {
      const old = join(cache, `old-${i}`)
      writeFileSync(old, '')
      utimesSync(old, i + 1, i + 1)
    }
    ask()
    expect(files()).toHaveLength(16)
    expect(files()).not.toContain('old-4')
    expect(files()).toContain('old-5')
  })

  it('is not written by a process that is not a CGI script', () => {
    runIn(place, 'e.cjs', `require('cgiup')`, { env: {} })
    expect(readdirSync(dist)).not.toContain('.cache')
  })
})

describe('a damaged code cache is discarded', () => {
  const damages: Record<string, (bytes: Buffer) => Buffer> = {
    'a zeroed block': (bytes) => bytes.fill(0, 40_960, 45_056),
    'the first block zeroed': (bytes) => bytes.fill(0, 0, 4096),
    'zeroes from some block on': (bytes) => bytes.fill(0, 32_768),
    'every other block zeroed': (bytes) => {
      for (let at = 4096; at + 4096 < bytes.length; at += 8192) bytes.fill(0, at, at + 4096)
      return bytes
    },
    'nothing but zeroes': (bytes) => bytes.fill(0),
    'a flipped bit': (bytes) => {
      bytes[20_001] = (bytes[20_001] as number) ^ 4
      return bytes
    },
    'a flipped bit near its end': (bytes) => {
      bytes[bytes.length - 100] = (bytes[bytes.length - 100] as number) ^ 1
      return bytes
    },
    truncated: (bytes) => bytes.subarray(0, 65_536),
    'half of it': (bytes) => bytes.subarray(0, bytes.length / 2),
    'zero-length': () => Buffer.alloc(0),
    'unrelated content': () => Buffer.from('nothing that V8 knows'),
  }

  it.each(Object.keys(damages))('%s', (name) => {
    ask()
    const file = only()
    const good = readFileSync(file)
    writeFileSync(file, (damages[name] as (bytes: Buffer) => Buffer)(Buffer.from(good)))
    expect(ask()).toMatch(answered)
    expect(readFileSync(only()).length).toBeGreaterThan(100_000)
    expect(ask()).toMatch(answered)
  })

  it('also if no new one can be written: the disk is full', () => {
    ask()
    const file = only()
    writeFileSync(file, readFileSync(file).fill(0, 8192, 16_384))
    expect(ask({ under: full })).toMatch(answered)
    expect(files()).toEqual([])
  })

  it('a complete one that V8 rejects is replaced after ten minutes', () => {
    const flagged = `require('node:v8').setFlagsFromString('--no-lazy')\n${common}`
    ask()
    const file = only()
    const before = readFileSync(file)
    expect(runIn(place, 'b.cjs', flagged)).toMatch(answered)
    expect(readFileSync(file).equals(before)).toBe(true)
    utimesSync(file, 1, 1)
    expect(runIn(place, 'b.cjs', flagged)).toMatch(answered)
    expect(readFileSync(only()).equals(before)).toBe(false)
  })
})

/** No file may grow beyond 50 KiB: writing fails partway (EFBIG), as on a full disk. */
const full = ['/bin/sh', '-c', 'ulimit -f 100; exec "$@"', 'sh']

describe('where the code cache cannot be written', () => {
  it('leaves no temporary file, and is not tried again for ten minutes', () => {
    for (let i = 0; i < 3; i++) {
      expect(ask({ under: full })).toMatch(answered)
      expect(files()).toEqual([])
    }
    // There is space again, but it is not checked yet.
    ask()
    expect(files()).toEqual([])
    // ctime cannot be set; a recreated folder has no marker.
    rmSync(cache, { recursive: true })
    ask()
    expect(files()).toHaveLength(1)
  })

  it('there is a file in place of its folder', () => {
    writeFileSync(cache, 'in the way')
    expect(ask()).toMatch(answered)
    expect(readFileSync(cache, 'utf8')).toBe('in the way')
  })

  it('there is a directory in its place', () => {
    ask()
    const file = only()
    rmSync(file)
    mkdirSync(join(file, 'full'), { recursive: true })
    expect(ask()).toMatch(answered)
    expect(readdirSync(only())).toEqual(['full'])
  })

  it('the package is removed meanwhile', () => {
    const { place } = install()
    const code = `const { run } = require('cgiup')
      run({ fetch: () => {
        require('node:fs').renameSync(${JSON.stringify(join(place, 'node_modules'))}, ${JSON.stringify(join(place, 'gone'))})
        return new Response('at /x') } })`
    expect(runIn(place, 'a.cjs', code)).toMatch(answered)
    expect(readdirSync(join(place, 'gone/cgiup/dist'))).not.toContain('.cache')
  })

  it.runIf(isRoot)('the package belongs to another user, or a file is unreadable', () => {
    chmodSync(place, 0o755)
    expect(ask({ uid: stranger })).toMatch(answered)
    expect(readdirSync(dist)).not.toContain('.cache')
    ask()
    chmodSync(only(), 0)
    expect(ask({ uid: stranger })).toMatch(answered)
    expect(statSync(only()).size).toBeGreaterThan(100_000)
  })

  it('another process is writing: only one of two writes; the temporary file of a killed one is removed', () => {
    ask()
    const file = only()
    rmSync(file)
    const draft = `${file}.tmp`
    writeFileSync(draft, 'half')
    expect(ask()).toMatch(answered)
    expect(only()).toBe(draft)
    expect(readFileSync(draft, 'utf8')).toBe('half')
    utimesSync(draft, 1, 1)
    expect(ask()).toMatch(answered)
    expect(only()).toBe(file)
  })

  it('many processes start at once: all answer, and one file is left', async () => {
    writeFileSync(join(place, 'a.cjs'), common)
    const processes = Array.from({ length: 6 }, () =>
      spawn(process.execPath, [join(place, 'a.cjs')], { env: cgi, stdio: ['ignore', 'ignore', 'inherit'] }),
    )
    const codes = await Promise.all(processes.map(async (child) => (await once(child, 'exit'))[0]))
    expect(codes).toEqual(codes.map(() => 0))
    expect(ask()).toMatch(answered)
    only()
  })
})

describe('a code cache that another user could have written is never loaded', () => {
  // Code that crashes V8 or throws would be noticed; the quiet check: the file is not opened.
  const isRead = (as: RunAs = {}) => {
    const code = `const fs = require('node:fs')
      const { readFileSync } = fs
      let read = false
      fs.readFileSync = (file, ...rest) => {
        if (String(file).includes('.cache')) read = true
        return readFileSync(file, ...rest)
      }
      const { run } = require('cgiup')
      run({ fetch: () => new Response(String(read)) })`
    return runIn(place, 'reads.cjs', code, as).endsWith('true')
  }

  it.each([
    ['the file', 0o666],
    ['the file', 0o664],
  ])('writable by others: %s %o; it is rewritten', (_, mode) => {
    ask()
    chmodSync(only(), mode)
    expect(isRead()).toBe(false)
    expect(statSync(only()).mode & 0o777).toBe(0o644)
    expect(isRead()).toBe(true)
  })

  it.each([0o777, 0o775, 0o1777])('folder writable by others (%o): nothing is written there', (mode) => {
    ask()
    rmSync(only())
    chmodSync(cache, mode)
    ask()
    expect(files()).toEqual([])
    writeFileSync(join(cache, 'x'), '')
    expect(isRead()).toBe(false)
  })

  it('unless others may write to the code itself', () => {
    const code = join(dist, 'core.code.js')
    const { mode } = statSync(code)
    try {
      ask()
      chmodSync(code, 0o666)
      chmodSync(only(), 0o666)
      chmodSync(cache, 0o777)
      expect(isRead()).toBe(true)
    } finally {
      chmodSync(code, mode & 0o777)
    }
  })

  it.runIf(isRoot)('owned by another user; caches of root and of the owner of the code are accepted', () => {
    chmodSync(place, 0o755)
    ask()
    expect(isRead({ uid: stranger })).toBe(true)
    chownSync(only(), stranger, stranger)
    expect(isRead()).toBe(false)
    expect(statSync(only()).uid).toBe(0)
    chownSync(cache, stranger, stranger)
    expect(isRead()).toBe(false)
    expect(isRead({ uid: stranger })).toBe(true)
  })

  it('everyone who may read the code may read the cache, whatever the umask of the writer', () => {
    ask({ under: ['/bin/sh', '-c', 'umask 077; exec "$@"', 'sh'] })
    expect(statSync(only()).mode & 0o777).toBe(0o644)
    expect(statSync(cache).mode & 0o777).toBe(statSync(dist).mode & 0o755)
  })
})
