/** RequestInit (https://fetch.spec.whatwg.org/#requestinit) and its defaults. */
import { isToken, toByteString, toDictionary, toDOMString, toEnum } from './convert.js'

/** Options that only matter when a request is sent; nearly always the defaults. */
export interface RequestSettings {
  readonly referrer: string
  readonly referrerPolicy: string
  readonly mode: string
  readonly credentials: string
  readonly cache: string
  readonly redirect: string
  readonly integrity: string
  readonly keepalive: boolean
  /** Undici's own member: the dispatcher that sends the request. */
  readonly dispatcher: unknown
}

export const defaultSendOptions: RequestSettings = {
  referrer: 'about:client',
  referrerPolicy: '',
  mode: 'cors',
  credentials: 'same-origin',
  cache: 'default',
  redirect: 'follow',
  integrity: '',
  keepalive: false,
  dispatcher: undefined,
}

const words = {
  referrerPolicy: [
    '',
    'no-referrer',
    'no-referrer-when-downgrade',
    'same-origin',
    'origin',
    'strict-origin',
    'origin-when-cross-origin',
    'strict-origin-when-cross-origin',
    'unsafe-url',
  ],
  mode: ['navigate', 'same-origin', 'no-cors', 'cors'],
  credentials: ['omit', 'same-origin', 'include'],
  cache: ['default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached'],
  redirect: ['follow', 'manual', 'error'],
} as const

const members = [
  'method',
  'headers',
  'body',
  'referrer',
  'referrerPolicy',
  'mode',
  'credentials',
  'cache',
  'redirect',
  'integrity',
  'keepalive',
  'signal',
  'window',
  'duplex',
  'dispatcher',
]

/** The members that are present, each read once; null when there are none. */
export function readInit(init: unknown): Record<string, unknown> | null {
  const dictionary = toDictionary(init, 'Request constructor: init')
  if (!dictionary) return null
  let found: Record<string, unknown> | null = null
  for (const name of members) {
    const value = dictionary[name]
    if (value === undefined) continue
    found ??= {}
    found[name] = value
  }
  if (found?.duplex !== undefined) toEnum(found.duplex, ['half'], 'Request constructor: init.duplex')
  if (found?.window !== undefined && found.window !== null)
    throw new TypeError("'window' option must be null")
  return found
}

/** The send options of a request made from one with `base`. */
export function readSendOptions(init: Record<string, unknown>, base: RequestSettings): RequestSettings {
  // A request with an init no longer has the same referrer.
  const made = { ...base, referrer: 'about:client', referrerPolicy: '' } as Record<
    keyof RequestSettings,
    unknown
  >
  for (const name of Object.keys(words) as (keyof typeof words)[]) {
    if (init[name] !== undefined)
      made[name] = toEnum(init[name], words[name], `Request constructor: init.${name}`)
  }
  if (init.referrer !== undefined) made.referrer = readReferrer(init.referrer)
  if (init.integrity !== undefined)
    made.integrity = toDOMString(init.integrity, 'Request constructor: init.integrity')
  if (init.keepalive !== undefined) made.keepalive = Boolean(init.keepalive)
  if (init.dispatcher !== undefined) made.dispatcher = init.dispatcher
  if (made.mode === 'navigate') throw new TypeError('Request constructor: invalid request mode navigate.')
  if (made.cache === 'only-if-cached' && made.mode !== 'same-origin') {
    throw new TypeError("'only-if-cached' can be set only with 'same-origin' mode")
  }
  return made as unknown as RequestSettings
}

function readReferrer(value: unknown): string {
  const text = toDOMString(value, 'Request constructor: init.referrer')
  if (text === '') return ''
  let url: URL
  try {
    url = new URL(text)
  } catch (cause) {
    throw new TypeError(`Referrer "${text}" is not a valid URL.`, { cause })
  }
  return url.protocol === 'about:' && url.pathname === 'client' ? 'about:client' : url.href
}

const normalized = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']
const forbidden = ['CONNECT', 'TRACE', 'TRACK']

/**
 * https://fetch.spec.whatwg.org/#concept-method-normalize
 * @throws TypeError for an invalid or forbidden method.
 */
export function readMethod(value: unknown): string {
  const method = toByteString(value, 'Request constructor: init.method')
  if (!isToken(method)) throw new TypeError(`'${method}' is not a valid HTTP method.`)
  const upper = method.toUpperCase()
  if (forbidden.includes(upper)) throw new TypeError(`'${method}' HTTP method is unsupported.`)
  return normalized.includes(upper) ? upper : method
}
