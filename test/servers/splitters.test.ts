/**
 * Mount path and rest are parts of the requested path, wherever a server split it. CVE-2026-27590: Caddy up
 * to 2.6 searches a lower-case copy for its `split`; the copy may be longer or shorter, but Caddy cuts the
 * path at that offset.
 */

import { describe, expect, it } from 'vitest'
import { percentDecode } from '../../src/env/text.js'
import { request } from '../support/request.js'
import { useSite } from './site.js'
import { splitters, startSplitters } from './sites/splitters.js'

/** The lower case has another length in UTF-8, or more than one form. */
const names = [
  'ȺȺ.php.txt.php',
  'Ⱥ.php',
  'ȾȾ.php',
  'İİ.php.txt.php',
  'İ.php',
  'İİİİ.php',
  'I\u0307.php',
  'ẞẞ.php',
  '\u212A\u212A.php',
  '\u212B.php',
  '\u00C5.php',
  'A\u030A.php',
  'Ⱥ\u0301.php',
  'X.PHP',
]

/** Not UTF-8: overlong, lone byte, surrogate, beyond the last character. */
const bytes = ['%C0%AE.php', '%E0%80%AF.php', '%C8.php', '%FF%FE.php', '%ED%A0%80.php', '%F4%90%80%80.php']

const rests = ['', '/', '/x', '/ȺȺ.php.txt.php', '/b.php/c', '/%C8/%BA.php', '/a%2Fb']

const raw = (text: string) => Buffer.from(text).toString('latin1')
const escaped = (text: string) =>
  raw(text).replace(/[\x80-\xff]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
const unescaped = (text: string) => text.replace(/%[89A-F]./g, (hex) => percentDecode(hex))

const targets = [...names.flatMap((name) => [raw(name), escaped(name)]), ...bytes, ...bytes.map(unescaped)]
  .flatMap((name) => rests.map((rest) => `/${name}${escaped(rest)}`))
  .concat(names.map((name) => raw(`/${name}/${name}/y.php`)))

describe('a path that a server has cut', () => {
  const site = useSite(() => startSplitters(names))

  it.each(splitters)('%s', async (name) => {
    const port = site().ports[name] as number
    const wrong: unknown[] = []
    let served = 0
    for (const target of targets) {
      const { text, head } = await ask(port, target)
      if (!head.startsWith('{"app"')) continue
      served++
      const [mount = '', rest = ''] = JSON.parse(text).seen.split('|') as [string, string]
      const path = percentDecode(target)
      // The root of a mounted app has a slash that its mount path lacks.
      const read = [mount + rest, rest === '/' ? mount : mount + rest].map(percentDecode)
      if (!read.includes(path) || !rest.startsWith('/')) wrong.push({ target, mount, rest })
    }
    expect(wrong).toEqual([])
    expect(served).toBeGreaterThan(20)
  })
})

/** Caddy 2.6 breaks the connection if that offset is beyond the end of the path. */
async function ask(port: number, target: string) {
  try {
    const { text } = await request({ port }, { target })
    return { text, head: text.slice(0, 10) }
  } catch {
    return { text: '', head: '' }
  }
}
