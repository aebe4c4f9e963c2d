/**
 * No app gets a request that a server denies, however the target is written: raw targets through every server
 * to every type of app.
 */

import { describe, expect, it } from 'vitest'
import { request } from '../support/request.js'
import { useSite } from './site.js'
import { type App, appNames, type Front, fronts, startMatrix } from './sites/matrix.js'

/** Below /admin in one interpretation, and elsewhere in another. */
const ambiguous = [
  '/admin//../users',
  '/admin/.//../users',
  '/admin//%2e%2e/users',
  '/admin%2f..%2fpublic',
  '/admin%2f../users',
  '/admin%2F%2f..%2fusers',
  '/admin/x%2f..%2f..%2fpub',
  '/public#/../admin',
  '/admin#',
  'http://h/public#/../admin',
  'http://h/admin//../users',
  '/x//../admin',
  '/x/./..//admin/',
  '/pub/%2e%2e/admin/x',
  '/pub/%2e./%61dmin',
  '/pub/..%2fadmin',
  '/pub%2f%2e%2e%2fadmin',
  '/x/%2e%2e%2fadmin',
  '/../admin',
  '/..//admin',
  '/.//admin/../admin',
  '/admin/../pub',
  '/admin/.%2e/pub',
  '/pub/..\\admin',
  '/admin\\..\\..\\admin/..',
  '/admin/x/../../pub',
  '/admin/y%252fz%2f../../pub',
  '/pub/y%252fz%2f../../admin',
  '/%2F/../admin',
  '/%2f%2f/../../admin/x',
]

/** Below /admin in every interpretation; cgiup's own HTTP denies none of them. */
const plain = ['/admin', '/admin/x', '/admin?/../pub', '/%61dmin/x', '/admin/..;/pub', '/admin//x']

/** Unambiguous targets. */
const clear = [
  '/wiki/AC%252FDC',
  '/a/b%2Fc',
  '/a//b',
  '/x/%252e%252e/y',
  '/a%5c..%5cb',
  '/caf%E9',
  '/a/..b/...',
  '/.well-known/x',
  '/x;v=1/y?/../admin',
]

/** Servers that reject an unambiguous one themselves: AllowEncodedSlashes is off. */
const turnsDown: Partial<Record<Front, readonly string[]>> = {
  cgi: ['/a/b%2Fc'],
  fcgid: ['/a/b%2Fc'],
  proxy: ['/a/b%2Fc'],
}

/** Servers that resolve dot segments before they apply their rules; behind the others the reply is 400. */
const resolving: readonly Front[] = ['cgi', 'fcgid', 'proxy', 'nginx', 'front', 'lighttpd', 'h2o']

const ownHttp: readonly Front[] = ['production', 'development']

/** A page of an app, or null if something else answered. */
interface Page {
  readonly app: App
  readonly seen: string
  readonly admin: boolean
}

describe('raw targets', () => {
  const site = useSite(startMatrix)

  async function ask(front: Front, app: App, target: string): Promise<[number, Page | null]> {
    const { status, text, error } = await request({ port: site().portOf(front, app) }, { target })
    expect(error).toBeUndefined()
    return [status, text.startsWith('{"app"') ? JSON.parse(text) : null]
  }

  /** Mount and path as the app gets them: `/a` if that is all. */
  const seen = (page: Page | null) => page?.seen.replace('|', '')

  describe.each(fronts)('%s', (front) => {
    describe.each(appNames)('%s', (app) => {
      const denied = ownHttp.includes(front) ? ambiguous : [...ambiguous, ...plain]

      it('nothing that is denied is asked for', async () => {
        const reached: unknown[] = []
        for (const target of denied) {
          const [status, page] = await ask(front, app, target)
          if (page?.admin || (page === null && status < 300)) reached.push({ target, status, page })
        }
        expect(reached).toEqual([])
      })

      it('what has one reading arrives as it was sent', async () => {
        for (const target of clear) {
          if (turnsDown[front]?.includes(target)) continue
          const [status, page] = await ask(front, app, target)
          expect({ target, status, seen: seen(page) }).toEqual({ target, status: 200, seen: target })
        }
      })

      it('dot segments that the server resolves are accepted, others are refused', async () => {
        for (const [target, path] of [
          ['/x/../y', '/y'],
          ['/x/y/.?q', '/x/y/?q'],
          ['/x/%2e%2e/y//z', '/y//z'],
        ] as const) {
          const [status, page] = await ask(front, app, target)
          const expected = resolving.includes(front) ? { status: 200, seen: path } : { status: 400 }
          expect({ target, status, seen: seen(page) }).toEqual({ target, ...expected })
        }
      })
    })
  })
})
