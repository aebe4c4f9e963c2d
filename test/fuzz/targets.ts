/**
 * An app gets the path to which the access rules of the server were applied. Run by the tests and by
 * `npm run fuzz`.
 */
import assert from 'node:assert/strict'
import express from 'express'
import fc from 'fast-check'
import { toHandler } from '../../src/app/handler.js'
import type { App } from '../../src/app/types.js'
import { RequestError } from '../../src/core/errors.js'
import { Environment } from '../../src/env/environment.js'
import { MemoryExchange } from '../../src/memory/exchange.js'
import { readRequest } from '../../src/memory/request.js'
import type { Property } from './codec.js'
import { decoded, mountedServers, type Served, type ServerModel, servers } from './paths.js'
import { turn } from './target.js'

/** What the router of an app saw: the path, and whether its route for /admin ran. */
interface Routed {
  readonly mount: string
  /** Below the mount path. */
  readonly path: string
  readonly admin: boolean
}

type Routes = (saw: (routed: Routed) => void) => App

/** Like routers that compare text, and like those that decode first. */
const isAdmin = (path: string) => [path, decoded(path) ?? path].some((text) => /^\/admin(?:\/|$)/.test(text))

const fetchApp: Routes = (saw) => ({
  fetch(request, _, { mount }) {
    const { pathname } = new URL(request.url)
    saw({ mount, path: pathname, admin: isAdmin(pathname) })
    return new Response('ok')
  },
})

/** Latin-1 strings, as in Node: one character per byte. */
const encodeBytes = (path: string) =>
  path.replace(/[\x80-\xff]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)

const baseUrlOf = (req: object) => ('baseUrl' in req ? String(req.baseUrl) : '')

const nodeApp: Routes = (saw) => (req, res) => {
  const path = (req.url ?? '').replace(/\?.*/s, '')
  // Half of all Node apps parse the URL.
  const { pathname } = new URL(`http://h${encodeBytes(path)}`)
  saw({ mount: baseUrlOf(req), path: pathname, admin: isAdmin(path) || isAdmin(pathname) })
  res.end('ok')
}

const mounted: Routes = (saw) => {
  const app = express()
  // Parsed, as in many middlewares.
  const whole = (url: string) => new URL(`http://h${encodeBytes(url.replace(/\?.*/s, ''))}`).pathname
  app.use('/admin', (req, res) => {
    // Express also matches /ADMIN, which servers do not.
    saw({ mount: '', path: whole(req.originalUrl), admin: req.baseUrl.endsWith('/admin') })
    res.end('ok')
  })
  app.use((req, res) => {
    saw({ mount: '', path: whole(req.originalUrl), admin: false })
    res.end('ok')
  })
  return app
}

const owner = { stderr: () => {}, waitUntil: () => {} }

/** What the app saw of a request; null if it was not called because the request was refused. */
type Ask = (env: Readonly<Record<string, string>>) => Promise<Routed | null>

const asker = (routes: Routes): Ask => {
  let routed: Routed | null = null
  const app = routes((seen) => {
    routed = seen
  })
  const made = toHandler(app)
  let asked = 0
  return async (env) => {
    // Now and then, lets the work run that Node apps defer to the next turn.
    if (++asked % 100 === 0) await turn()
    const handler = await made
    const variables = new Environment(Object.entries(env).flat())
    const exchange = new MemoryExchange(variables, await readRequest('/', {}), owner)
    routed = null
    try {
      await handler(exchange)
    } catch (error) {
      assert.ok(error instanceof RequestError && error.status === 400, String(error))
      assert.equal(routed, null, 'the app was asked all the same')
    }
    return routed
  }
}

/** As a router sees it: an encoded slash is a slash, an empty segment is ignored. */
const segmentsOf = (path: string): string[] =>
  (decoded(path) ?? path).split(/\/|%2f/i).filter((segment) => segment !== '')

/** The path has only one interpretation. */
const isClear = (target: string): boolean => {
  const path = target.replace(/\?.*/s, '')
  const text = decoded(path)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for control characters
  if (text === null || /[#\0-\x1f\x7f\\]/.test(target)) return false
  return !text.split(/\/|%2f|\\/i).some((segment) => segment === '.' || segment === '..')
}

/** The ways in which paths are read. */
const common = ['/', '//', '/..', '/../', '/./', '%2e', '%2E%2e', '%2f', '..%2f', 'admin', '/admin', '/pub']
const rare = [
  ...['%61dmin', 'users', 'x', ';', '+', '~', '%7e', '?', 'a=1', '%25', '%252e', '%252f', '%2F', '.', '..'],
  ...['#', '%23', '\\', '%5c', 'é', '%c3%a9', '%E9', '%c0%ae', ' ', '%00', '%', '\t'],
]
const bits = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...common) },
  { weight: 1, arbitrary: fc.constantFrom(...rare) },
)

/** A target as in a request line: bytes without blanks. */
const targets = fc
  .array(bits, { maxLength: 9 })
  .map((parts) => Buffer.from(`/${parts.join('')}`.replace(/ /g, '%20'), 'utf8').toString('latin1'))

const agrees = async (ask: Ask, name: string, served: Served | null, target: string): Promise<void> => {
  if (!served) return
  const routed = await ask(served.env)
  if (routed === null) {
    assert.ok(!isClear(target), `${name}: ${JSON.stringify(target)} has one reading, and was refused`)
    return
  }
  const about = `${name}: ${JSON.stringify(target)} was ${JSON.stringify(routed)} for the app`
  const plain = served.segments.flatMap((segment) => segment.split(/%2f/i)).filter(Boolean)
  assert.deepEqual([...segmentsOf(routed.mount), ...segmentsOf(routed.path)], plain, about)
  // A relay has no access rules that deny a path.
  if (name !== 'relay') assert.equal(routed.admin, false, about)
}

const kinds = { 'a fetch app': fetchApp, 'a Node app': nodeApp, "Express with app.use('/admin')": mounted }

const oneOf = (models: Readonly<Record<string, ServerModel>>) => fc.constantFrom(...Object.keys(models))

export const targetProperties: readonly Property[] = Object.entries(kinds).flatMap(([kind, routes]) => {
  const ask = asker(routes)
  return [
    {
      name: `targets: ${kind} gets the path that the access rules saw`,
      runs: 1000,
      check: (options) =>
        fc.assert(
          fc.asyncProperty(oneOf(servers), targets, (name, target) =>
            agrees(ask, name, servers[name]?.(target, '/admin') ?? null, target),
          ),
          options,
        ),
    },
    {
      name: `targets: ${kind} below /app does too`,
      runs: 1000,
      check: (options) =>
        fc.assert(
          fc.asyncProperty(
            oneOf(mountedServers),
            fc.constantFrom('/app', '/x/../app', '//app/.'),
            targets,
            (name, start, rest) =>
              agrees(ask, name, mountedServers[name]?.(start + rest, '/app/admin') ?? null, start + rest),
          ),
          options,
        ),
    },
  ] satisfies Property[]
})
