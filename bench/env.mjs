/**
 * The cost of the `env` object of a fetch app, per request: `node bench/env.mjs` after `npm run build`.
 *
 * none       the app does not use it
 * eager      the plain object, filled in for every request (what fetch apps get)
 * accessors  a plain object with a getter and setter per name, which read the list
 * proxy      a Proxy that fills in its target when it is first touched
 *
 * "read" reads one variable. docs/decisions/env-object.md has the numbers, and what each variant breaks.
 */
import { Environment } from '../dist/env/environment.js'

const rounds = Number(process.env.ROUNDS ?? 7)
const requests = Number(process.env.REQUESTS ?? 1_000_000)

/** What nginx sends for a browser's request. */
const variables = {
  QUERY_STRING: '',
  REQUEST_METHOD: 'GET',
  CONTENT_TYPE: '',
  CONTENT_LENGTH: '',
  SCRIPT_NAME: '/hello',
  REQUEST_URI: '/hello',
  DOCUMENT_URI: '/hello',
  DOCUMENT_ROOT: '/var/www/html',
  SERVER_PROTOCOL: 'HTTP/1.1',
  REQUEST_SCHEME: 'https',
  GATEWAY_INTERFACE: 'CGI/1.1',
  SERVER_SOFTWARE: 'nginx/1.22.1',
  REMOTE_ADDR: '192.0.2.7',
  REMOTE_PORT: '50312',
  SERVER_ADDR: '192.0.2.1',
  SERVER_PORT: '443',
  SERVER_NAME: 'example.org',
  REDIRECT_STATUS: '200',
  HTTP_HOST: 'example.org',
  HTTP_USER_AGENT: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  HTTP_ACCEPT: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  HTTP_ACCEPT_LANGUAGE: 'en-US,en;q=0.5',
  HTTP_ACCEPT_ENCODING: 'gzip, deflate, br',
  HTTP_CONNECTION: 'keep-alive',
}
const list = Object.entries(variables).flat()

const descriptors = Object.fromEntries(
  Object.keys(variables).map((name) => [
    name,
    {
      get() {
        return this[source].get(name)
      },
      set(value) {
        Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true })
      },
      enumerable: true,
      configurable: true,
    },
  ]),
)
const source = Symbol('source')
const withAccessors = (env) =>
  Object.defineProperties(Object.defineProperty({}, source, { value: env }), descriptors)

const fillIn = (target) => {
  const env = target[source]
  if (env === undefined) return target
  delete target[source]
  return Object.assign(target, env.toObject())
}
const traps = Object.fromEntries(
  ['get', 'set', 'has', 'ownKeys', 'getOwnPropertyDescriptor', 'defineProperty', 'deleteProperty'].map(
    (name) => [name, (target, ...rest) => Reflect[name](fillIn(target), ...rest)],
  ),
)
const proxied = (env) => new Proxy({ [source]: env }, traps)

const variants = {
  none: (env) => env,
  eager: (env) => env.toObject(),
  accessors: withAccessors,
  proxy: proxied,
  'eager, read': (env) => env.toObject().REMOTE_ADDR,
  'accessors, read': (env) => withAccessors(env).REMOTE_ADDR,
  'proxy, read': (env) => proxied(env).REMOTE_ADDR,
}

let kept
const measure = (variant, count) => {
  const before = process.cpuUsage()
  for (let i = 0; i < count; i++) {
    const env = new Environment(list.slice(), true)
    // In a real request, the translator has already read this variable.
    env.get('REQUEST_METHOD')
    kept = variant(env)
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

const seen = new Map(Object.keys(variants).map((name) => [name, []]))
for (let round = 0; round <= rounds; round++)
  for (const [name, variant] of Object.entries(variants)) {
    // `accessors` are far slower than the rest.
    const us = measure(variant, name.startsWith('accessors') ? requests / 20 : requests)
    if (round > 0) seen.get(name).push(us)
  }

console.log(
  `Node ${process.version}, ${list.length / 2} variables; CPU per request, median of ${rounds} rounds`,
)
for (const [name, all] of seen) {
  const median = all.sort((a, b) => a - b)[all.length >> 1]
  console.log(`  ${name.padEnd(18)}${median.toFixed(2).padStart(7)} us`)
}

const works = (what, act) => {
  try {
    act()
    return `${what}: yes`
  } catch (error) {
    return `${what}: ${error.name}`
  }
}
for (const [name, object] of [
  ['eager', new Environment(list, true).toObject()],
  ['accessors', withAccessors(new Environment(list, true))],
  ['proxy', proxied(new Environment(list, true))],
]) {
  const { value } = Object.getOwnPropertyDescriptor(object, 'REMOTE_ADDR')
  console.log(
    `  ${name.padEnd(12)}${works('structuredClone', () => structuredClone(object))}, descriptor has a value: ${value !== undefined}`,
  )
}
if (kept === undefined) process.exitCode = 1
