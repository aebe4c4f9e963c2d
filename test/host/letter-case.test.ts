/**
 * The border between script and PATH_INFO is found segment by segment in the bytes of the path: letters whose
 * lower case has another length (CVE-2026-27590), both Unicode forms and bytes that are not UTF-8 do not move
 * it.
 */
import { describe, expect, test } from 'vitest'
import { percentDecode } from '../../src/env/text.js'
import { cgiBin } from '../../src/host.js'
import { scripts, sh, startHost } from './support.js'

const names = [
  'ȺȺ.php.txt.cgi',
  'ȾȾ.cgi',
  'İİ.cgi',
  'I\u0307.cgi',
  'ẞ.cgi',
  '\u212A.cgi',
  '\u212B.cgi',
  '\u00C5.cgi',
  'A\u030A.cgi',
]
const others = ['ⱥⱥ.php.txt.cgi', 'ⱦⱦ.cgi', 'i̇i̇.cgi', 'ß.cgi', 'k.cgi', '\u00E5.cgi']
const rests = [
  '',
  '/x',
  '/ȺȺ.php.txt.cgi',
  '/b.cgi/c',
  '/%C8/%BA.cgi',
  '/%C0%AE%C0%AE/a',
  '/%ED%A0%80',
  '/%FF',
]

const latin1 = (text: string) => Buffer.from(text).toString('latin1')
const escaped = (text: string) =>
  latin1(text).replace(/[\x80-\xff]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

// Other file systems treat some of these names as equal.
describe.runIf(process.platform === 'linux')('cgiup host', () => {
  const body = sh(
    'printf "Content-Type: text/plain\\r\\n\\r\\n%s|%s|%s" "$SCRIPT_NAME" "$PATH_INFO" "$SCRIPT_FILENAME"',
  )
  const site = () => {
    const directory = scripts(Object.fromEntries(names.map((name) => [name, body])))
    return startHost(cgiBin(directory))
  }

  test.each(names)('%s', async (name) => {
    const host = await site()
    for (const rest of rests) {
      const target = `/${escaped(name + rest)}`
      const reply = await host.get(target)
      expect({ target, status: reply.status }).toEqual({ target, status: 200 })
      const [script = '', info = '', file = ''] = reply.body.toString('latin1').split('|')
      expect({ target, script, info }).toEqual({
        target,
        script: latin1(`/${name}`),
        info: percentDecode(escaped(rest)),
      })
      expect(file.endsWith(latin1(`/${name}`))).toBe(true)
    }
  })

  test('raw bytes are read in the same way, or refused', async () => {
    const host = await site()
    for (const name of names) {
      const reply = await host.get(latin1(`/${name}/x`))
      const text = reply.body.toString('latin1')
      if (reply.status !== 400) expect(text.slice(0, text.lastIndexOf('|'))).toBe(latin1(`/${name}|/x`))
    }
  })

  test('names that differ in a letter are different', async () => {
    const host = await site()
    for (const name of others) expect((await host.get(`/${escaped(name)}/x`)).status).toBe(404)
  })
})
