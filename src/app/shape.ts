/** Error messages for a value that is not an app. Loaded only for Node apps and on errors. */
import { AppError } from '../core/errors.js'
import { classify } from './classify.js'

/** The three shapes of an app, as code: the end of every APP_SHAPE message. */
const shapes = `An app is one of:
  { fetch(request, env, context) { return new Response('hello') } }   (Hono, h3)
  (req, res) => { res.end('hello') }   (Node, Express, Koa, Fastify, Connect, Polka, http.Server)
  handler((exchange) => ({ status: 200, headers: [], body: 'hello' }))`

interface Mistake {
  /** What was seen; completes the sentence "The app is …". */
  readonly seen: string
  readonly fix: string
  is(it: Record<PropertyKey, unknown>, app: unknown): boolean
}

const isFunction = (value: unknown): boolean => typeof value === 'function'

/** Common mistakes, most specific first. The first four rows look like Node functions. */
const mistakes: readonly Mistake[] = [
  {
    seen: 'a class',
    fix: 'Pass an instance: new App().',
    is: (_, app) => isFunction(app) && /^class\b/.test(Function.prototype.toString.call(app)),
  },
  {
    seen: 'the function that creates apps, not an app',
    fix: 'Call it: express(), fastify().',
    is: (it, app) => isFunction(app) && (isFunction(it.Router) || it.fastify === app),
  },
  {
    seen: 'a router',
    fix: 'Mount it in an app: const app = express(); app.use(router).',
    is: (it, app) =>
      isFunction(app) && Array.isArray(it.stack) && isFunction(it.handle) && !isFunction(it.listen),
  },
  {
    seen: 'Koa middleware',
    fix: 'Mount it in an app: const app = new Koa(); app.use(router.routes()).',
    is: (it, app) =>
      isFunction(app) && it.router !== undefined && isFunction((it.router as typeof it)?.routes),
  },
  {
    seen: 'a Koa router',
    fix: 'Mount it in an app: const app = new Koa(); app.use(router.routes()).',
    is: (it) => isFunction(it.routes) && isFunction(it.allowedMethods),
  },
  {
    seen: 'a NestJS application',
    fix: 'Initialize it and pass the app inside: await app.init(); run(app.getHttpAdapter().getInstance()).',
    is: (it) => isFunction(it.getHttpAdapter),
  },
  {
    seen: 'a Hapi server',
    fix: 'Initialize it and pass its listener: await server.initialize(); run(server.listener).',
    is: (it) => isFunction(it.initialize) && isThing(it.listener),
  },
  {
    seen: 'a promise',
    fix: 'Await it: export default await createApp(), or run(await createApp()).',
    is: (it) => isFunction(it.then),
  },
  {
    seen: 'a module without a default export',
    fix: 'Add `export default app`.',
    is: (it) => it[Symbol.toStringTag] === 'Module',
  },
  {
    seen: 'an object whose fetch is not a function',
    fix: 'Make fetch a method that takes a Request and returns a Response.',
    is: (it) => 'fetch' in it,
  },
  {
    seen: 'a Response',
    fix: 'Pass a function that creates one for each request: { fetch: () => new Response() }.',
    is: (it) => isResponse(it),
  },
]

/** @throws AppError APP_SHAPE always, saying what was seen and what to pass instead. */
export function refuse(app: unknown): never {
  const mistake = isThing(app)
    ? mistakes.find((row) => row.is(app as Record<PropertyKey, unknown>, app))
    : undefined
  throw shapeError(mistake?.seen ?? describe(app), mistake?.fix ?? fixFor(app))
}

/** @throws AppError APP_SHAPE when a function is a class, a factory, a router or middleware. */
export function checkFunction(app: unknown): void {
  const row = mistakes.slice(0, 4).find((row) => row.is(app as Record<PropertyKey, unknown>, app))
  if (row !== undefined) throw shapeError(row.seen, row.fix)
}

/**
 * Checks what a Node function returned: some values show that it is not a Node function.
 * @throws AppError APP_SHAPE for a Response, a Reply or an app.
 */
export function checkReturned(value: unknown): void {
  if (!isThing(value)) return
  const it = value as Record<PropertyKey, unknown>
  if (isResponse(it)) {
    throw shapeError(
      'a function that returns a Response',
      'Wrap it: { fetch: app }, or export default { fetch }.',
    )
  }
  if (typeof it.status === 'number' && Array.isArray(it.headers) && 'body' in it) {
    throw shapeError('a function that returns a Reply', 'Mark it: handler(app).')
  }
  if (classify(value) !== null) {
    throw shapeError('a function that creates an app', 'Call it and pass the result: run(await createApp()).')
  }
}

/** Recognized by its members: naming the class would load undici. */
function isResponse(it: Record<PropertyKey, unknown>): boolean {
  return typeof it.status === 'number' && isFunction(it.arrayBuffer) && isThing(it.headers)
}

function isThing(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

export function shapeError(seen: string, fix: string): AppError {
  return new AppError('APP_SHAPE', `The app is ${seen}. ${fix}\n${shapes}`)
}

function fixFor(app: unknown): string {
  return app === undefined ? 'Is `export default app` missing?' : 'Pass the app itself.'
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'string') return `the text ${JSON.stringify(value.slice(0, 40))}`
  if (typeof value !== 'object') return `a ${typeof value}`
  if (Array.isArray(value)) return 'an array'
  const name = value.constructor?.name
  const keys = Object.keys(value).slice(0, 5).join(', ')
  const what = name === undefined || name === 'Object' ? 'an object' : `a ${name}`
  return keys === '' ? `${what} without properties` : `${what} with ${keys}`
}
