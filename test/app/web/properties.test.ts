import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../../support/runs.js'
import { lightWeb, outcome, platformWeb, type Web } from './observe.js'

/** Two byte order marks: Node 20 drops both, the standard only one. */
const twoMarks = (text: string): boolean => text.startsWith('\ufeff\ufeff')

/** Both classes give the same result. */
async function same(run: (web: Web) => unknown): Promise<void> {
  expect(await outcome(run, lightWeb)).toEqual(await outcome(run, platformWeb))
}

const name = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom('a', 'A', 'b', 'Cookie', 'cookie', 'Set-Cookie', 'set-cookie', 'X-y'),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 3 }) },
)
const value = fc.oneof(fc.constantFrom('1', ' 2 ', '', 'a, b'), fc.string({ maxLength: 5 }))

const operation = fc.oneof(
  fc.tuple(fc.constantFrom('append', 'set'), name, value),
  fc.tuple(fc.constantFrom('delete', 'get', 'has'), name),
  fc.tuple(fc.constantFrom('getSetCookie', 'list', 'copy')),
)

type Methods = Record<string, (...args: string[]) => unknown>

function perform(web: Web, start: [string, string][], operations: readonly string[][]): unknown {
  let headers = new web.Headers(start)
  const seen: unknown[] = []
  for (const [method = '', ...args] of operations) {
    try {
      if (method === 'list') seen.push([...headers])
      else if (method === 'copy') headers = new web.Headers(headers)
      else seen.push((headers as unknown as Methods)[method]?.(...args))
    } catch (error) {
      seen.push((error as Error).name)
    }
  }
  return [seen, headers]
}

describe('for any input', () => {
  it('Headers have the same content after the same operations', async () => {
    const start = fc.array(fc.tuple(fc.constantFrom('a', 'B', 'Set-Cookie'), fc.constantFrom('1', '2')), {
      maxLength: 4,
    })
    await fc.assert(
      fc.asyncProperty(start, fc.array(operation, { maxLength: 12 }), (pairs, operations) =>
        same((web) => perform(web, pairs, operations)),
      ),
      { numRuns: runs(300) },
    )
  })

  it('text() of bytes', async () => {
    const parts = ['61', 'c3', 'c3a9', 'e282ac', 'e282', 'f09f9880', 'f09f98', 'eda080', '80', 'ff', 'efbbbf']
    const chosen = fc.array(fc.constantFrom(...parts)).map((list) => Buffer.from(list.join(''), 'hex'))
    const bytes = fc
      .oneof(fc.uint8Array({ maxLength: 12 }), chosen)
      .filter((given) => !Buffer.from(given).toString('hex').startsWith('efbbbfefbbbf'))
    await fc.assert(
      fc.asyncProperty(bytes, (given) => same((web) => new web.Response(Uint8Array.from(given)).text())),
      { numRuns: runs(300) },
    )
  })

  it('text() and bytes() of strings', async () => {
    const text = fc
      .oneof(
        fc.string({ unit: 'binary' }),
        fc
          .array(fc.constantFrom('a', '\ud800', '\udc00', '\ufeff', 'é', '😀'))
          .map((units) => units.join('')),
      )
      .filter((given) => !twoMarks(given))
    await fc.assert(
      fc.asyncProperty(text, (given) =>
        same(async (web) => [
          await new web.Response(given).text(),
          [...(await new web.Response(given).bytes())],
        ]),
      ),
      { numRuns: runs(300) },
    )
  })

  it('the type of blob()', async () => {
    const piece = fc.constantFrom(
      'text',
      'a',
      '/',
      ';',
      '=',
      '"',
      '\\',
      ',',
      ' ',
      'charset',
      'utf-8',
      '*/*',
      'a/b',
      '\t',
      'é',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 14 }), (pieces) =>
        same((web) => new web.Response('x', { headers: { 'content-type': pieces.join('') } }).blob()),
      ),
      { numRuns: runs(500) },
    )
  })

  it('url and method of a Request', async () => {
    const url = fc.oneof(fc.webUrl({ withQueryParameters: true, withFragments: true }), fc.string())
    const method = fc.oneof(
      fc.constantFrom('get', 'Put', 'PATCH', 'x', 'trace', 'HEAD'),
      fc.string({ maxLength: 4 }),
    )
    await fc.assert(
      fc.asyncProperty(url, method, (target, given) =>
        same((web) => new web.Request(target, { method: given })),
      ),
      { numRuns: runs(200) },
    )
  })

  it('status and statusText', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.integer(), fc.double(), fc.string()), fc.string(), (status, statusText) =>
        same((web) => new web.Response(null, { status, statusText })),
      ),
      { numRuns: runs(200), examples: [[-767491497, '']] },
    )
  })
})
