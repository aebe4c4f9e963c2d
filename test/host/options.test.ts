/**
 * Invalid options of the local host: an error that names the value, and no limit that is silently disabled.
 */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { type CgiBinOptions, cgiBin, type ServeOptions, script, serve } from '../../src/host.js'

const file = fileURLToPath(import.meta.url)
const directory = fileURLToPath(new URL('.', import.meta.url))

const wrong: [CgiBinOptions | object, string][] = [
  [{ headTimeoutMs: '5s' }, 'must be a number of milliseconds, 0 or more, not "5s". Write 5000.'],
  [{ idleTimeoutMs: -1 }, 'must be a number of milliseconds, 0 or more, not -1.'],
  [{ maxSpoolBytes: '1G' }, 'must be a number of bytes, 0 or more, not "1G". Write 1073741824.'],
  [{ maxStderrLine: Number.NaN }, 'must be a number of characters, 0 or more, not NaN.'],
  [{ maxScript: 3 }, 'Did you mean maxScripts?'],
]

describe('cgiBin() and script()', () => {
  test.each(wrong)('%j is refused', (options, message) => {
    const [name = ''] = Object.keys(options)
    for (const [owner, make] of [
      ['cgiBin()', () => cgiBin(directory, options)],
      ['script()', () => script(file, options)],
    ] as const) {
      expect(make).toThrow(message)
      expect(make).toThrow(
        name === 'maxScript' ? `${owner} has no option "maxScript".` : `${name} of ${owner}`,
      )
    }
  })

  test('covers all kinds of options', () => {
    const options = {
      files: true,
      list: false,
      env: { A: 'b' },
      handler: {},
      idleTimeoutMs: Number.POSITIVE_INFINITY,
    }
    expect(() => cgiBin(directory, options)).not.toThrow()
    expect(() => script(file, options)).not.toThrow()
  })
})

describe('serve()', () => {
  test.each<[unknown, string]>([
    [3000, 'The second argument of serve() must be an object of options, not 3000.'],
    [{ maxHeader: 3 }, 'serve() has no option "maxHeader". It has: '],
    [
      { maxHeaders: '3' },
      'The option maxHeaders of serve() must be a number of 0 or more, not "3". Write 3.',
    ],
    [{ maxHeaderBytes: 1.5 }, 'must be a whole number of bytes, 0 or more, not 1.5.'],
    [
      { headersTimeoutMs: '30s' },
      'must be a whole number of milliseconds, 0 or more, not "30s". Write 30000.',
    ],
    [{ maxRequests: 0 }, 'The option maxRequests of serve() must be a number above 0, not 0.'],
    [{ port: 70_000 }, 'The option port must be a whole number from 0 to 65535, not 70000.'],
    [{ backlog: 0 }, 'The option backlog must be a whole number above 0, not 0.'],
    [{ socketMode: '660' }, 'The option socketMode must be a number such as 0o660, not "660".'],
  ])('%j is refused', async (options, message) => {
    await expect(
      serve(() => ({ status: 204, headers: [], body: null }), options as ServeOptions),
    ).rejects.toThrow(message)
  })
})
