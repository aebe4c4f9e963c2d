/** Request (https://fetch.spec.whatwg.org/#request-class) without undici. */
import { afterwards, type RequestEnd } from '../../core/exchange.js'
import { BodyState, extractBody } from './body.js'
import { finishInterface, needArguments, toByteString, toDOMString } from './convert.js'
import { createHeaders, type Guard, type Headers, headersList, listFrom } from './headers.js'
import { type BodyMethods, type BodyParts, mixinBody } from './mixin.js'
import { linkToPlatform, platform } from './platform.js'
import {
  defaultSendOptions,
  type RequestSettings,
  readInit,
  readMethod,
  readSendOptions,
} from './request-init.js'

/** Passed as the constructor's first argument to create a Request from a state, which is the second. */
export const receive = Symbol('receive')
const createKey = receive

/** The state of a light Request. It may be computed on demand. */
export interface RequestState {
  method: string
  url: string
  headers: Headers
  body: BodyState | null
  /** The source of `signal`, read on demand; null when there is none to follow. */
  follows: { readonly signal: AbortSignal } | null
  /** `signal` is the signal of `follows` itself, not a dependent signal (DOM standard) created from it. */
  same: boolean
  send: RequestSettings
  /** The end of the received request, which copies share; null for a Request that an app created. */
  came: RequestEnd | null
}

type State = RequestState

/** The state of a light Request; undefined for anything else. */
let requestState: (value: object) => Readonly<State> | undefined

/** A copy with all values computed. */
const settled = ({ method, url, headers, body, follows, same, send, came }: Readonly<State>): State => ({
  method,
  url,
  headers,
  body,
  follows,
  same,
  send,
  came,
})

class Request implements BodyMethods {
  declare arrayBuffer: BodyMethods['arrayBuffer']
  declare blob: BodyMethods['blob']
  declare bytes: BodyMethods['bytes']
  declare formData: BodyMethods['formData']
  declare json: BodyMethods['json']
  declare text: BodyMethods['text']
  #state: State
  #signal: AbortSignal | undefined

  constructor(input: unknown, init: unknown = undefined) {
    needArguments(arguments.length, 1, 'Request constructor')
    this.#state = input === createKey ? (init as State) : construct(input, init)
  }

  static {
    requestState = (value) => (#state in value ? value.#state : undefined)
  }

  get method(): string {
    return this.#state.method
  }

  get url(): string {
    return this.#state.url
  }

  get headers(): Headers {
    return this.#state.headers
  }

  get destination(): string {
    void this.#state
    return ''
  }

  get referrer(): string {
    return this.#state.send.referrer
  }

  get referrerPolicy(): string {
    return this.#state.send.referrerPolicy
  }

  get mode(): string {
    return this.#state.send.mode
  }

  get credentials(): string {
    return this.#state.send.credentials
  }

  get cache(): string {
    return this.#state.send.cache
  }

  get redirect(): string {
    return this.#state.send.redirect
  }

  get integrity(): string {
    return this.#state.send.integrity
  }

  get keepalive(): boolean {
    return this.#state.send.keepalive
  }

  get isReloadNavigation(): boolean {
    void this.#state
    return false
  }

  get isHistoryNavigation(): boolean {
    void this.#state
    return false
  }

  get signal(): AbortSignal {
    const { follows, same } = this.#state
    if (follows && same) return follows.signal
    this.#signal ??= follows ? AbortSignal.any([follows.signal]) : new AbortController().signal
    return this.#signal
  }

  get body(): ReadableStream | null {
    return this.#state.body?.stream ?? null
  }

  get bodyUsed(): boolean {
    return this.#state.body?.used ?? false
  }

  get duplex(): 'half' {
    void this.#state
    return 'half'
  }

  clone(): Request {
    const { body, headers } = this.#state
    if (body?.unusable) throw new TypeError('unusable')
    const list = [...(headersList(headers) as readonly string[])]
    return new Request(createKey, {
      ...settled(this.#state),
      headers: createHeaders(list, 'request'),
      body: body?.clone() ?? null,
      follows: this,
      same: false,
    } satisfies State)
  }

  [afterwards](task: () => void): void {
    this.#state.came?.[afterwards]?.(task)
  }

  [Symbol.for('nodejs.util.inspect.custom')](
    _depth: number | null,
    options: Record<string, unknown>,
    inspect: (value: unknown, options: unknown) => string,
  ): string {
    const { method, url, headers, destination, referrer, referrerPolicy, mode, credentials, cache } = this
    const { redirect, integrity, keepalive, isReloadNavigation, isHistoryNavigation, signal } = this
    const first = { method, url, headers, destination, referrer, referrerPolicy, mode, credentials, cache }
    const shown = {
      ...first,
      redirect,
      integrity,
      keepalive,
      isReloadNavigation,
      isHistoryNavigation,
      signal,
    }
    options.depth ??= 2
    return `Request ${inspect(shown, options)}`
  }
}

/** https://fetch.spec.whatwg.org/#dom-request */
function construct(input: unknown, init: unknown): State {
  const from = stateOf(input)
  const base = from ?? fromUrl(input)
  const members = readInit(init)
  const body = base.body
  if (!members) return { ...base, headers: copyHeaders(base.headers), body: takeOver(body) }

  const received = typeof init === 'object' && init !== null && requestState(init) !== undefined
  const state: State = { ...base, send: readSendOptions(members, base.send), body: null }
  if (members.method !== undefined) {
    // A received request may be copied with any method.
    state.method = received ? toByteString(members.method, 'init.method') : readMethod(members.method)
  }
  if (members.signal !== undefined) state.follows = readSignal(members.signal)
  if (state.send.mode === 'no-cors' && !['GET', 'HEAD', 'POST'].includes(state.method)) {
    throw new TypeError(`'${state.method}' is unsupported in no-cors mode.`)
  }
  const list = members.headers === undefined ? undefined : listFrom(members.headers)
  const given = members.body ?? null
  const changed = given !== null || (body !== null && members.method !== undefined)
  if (changed && !received && (state.method === 'GET' || state.method === 'HEAD')) {
    throw new TypeError('Request with GET/HEAD method cannot have body.')
  }
  if (given === null) {
    state.headers = list ? createHeaders(list, 'request') : copyHeaders(base.headers)
    state.body = takeOver(body)
    return state
  }
  return withBody(
    state,
    given,
    members.duplex,
    list ?? (headersList(base.headers) as readonly string[]).slice(),
  )
}

function withBody(state: State, given: unknown, duplex: unknown, list: readonly string[]): State {
  const { body, type, streaming } = extractBody(given, state.send.keepalive)
  if (streaming) {
    if (duplex === undefined)
      throw new TypeError('RequestInit: duplex option is required when sending a body.')
    if (state.send.mode !== 'same-origin' && state.send.mode !== 'cors') {
      throw new TypeError('If request is made from ReadableStream, mode should be "same-origin" or "cors"')
    }
  }
  const named = list.some((name, i) => i % 2 === 0 && name === 'content-type')
  const whole = type !== null && !named ? [...list, 'content-type', type] : list
  return { ...state, headers: createHeaders(whole, 'request'), body }
}

/** The state to copy when `input` is a request: ours or the platform's. */
function stateOf(input: unknown): State | null {
  if (typeof input !== 'object' || input === null) return null
  const own = requestState(input)
  if (own) return { ...settled(own), follows: input as Request, same: false }
  if (!(input instanceof Request)) return null
  const { method, url, headers, body } = input as Request
  const { referrer, referrerPolicy, mode, credentials, cache, redirect, integrity, keepalive } =
    input as Request
  const dispatcher = undefined
  const send = {
    referrer,
    referrerPolicy,
    mode,
    credentials,
    cache,
    redirect,
    integrity,
    keepalive,
    dispatcher,
  }
  return {
    method,
    url,
    headers: createHeaders(listFrom(headers), 'request'),
    body: body && new BodyState(null, body, null),
    follows: input as Request,
    same: false,
    send,
    came: input as RequestEnd,
  }
}

function fromUrl(input: unknown): State {
  const text = toDOMString(input, 'Request constructor: input')
  let url: URL
  try {
    url = new URL(text)
  } catch (cause) {
    throw new TypeError(`Failed to parse URL from ${text}`, { cause })
  }
  if (url.username || url.password) {
    throw new TypeError(`Request cannot be constructed from a URL that includes credentials: ${text}`)
  }
  const headers = createHeaders([], 'request')
  return {
    method: 'GET',
    url: url.href,
    headers,
    body: null,
    follows: null,
    same: false,
    send: defaultSendOptions,
    came: null,
  }
}

const copyHeaders = (headers: Headers, guard: Guard = 'request'): Headers =>
  createHeaders((headersList(headers) as readonly string[]).slice(), guard)

function takeOver(body: BodyState | null): BodyState | null {
  if (body?.unusable) {
    throw new TypeError('Cannot construct a Request with a Request object that has already been used.')
  }
  return body?.handOver() ?? null
}

function readSignal(value: unknown): { signal: AbortSignal } | null {
  if (value === null) return null
  if (!(value instanceof AbortSignal)) {
    throw new TypeError("Failed to construct 'Request': member signal is not of type AbortSignal.")
  }
  return { signal: value }
}

/** Converts a light Request to the platform's, to be sent; returns anything else unchanged. */
export function platformRequest(value: unknown): unknown {
  const state = typeof value === 'object' && value !== null ? requestState(value) : undefined
  if (!state) return value
  const request = value as Request
  const { referrer, ...send } = state.send
  const init = {
    ...send,
    ...(referrer === 'about:client' ? {} : { referrer }),
    method: state.method,
    headers: headersPairs(state.headers),
    body: state.body?.take() ?? null,
    duplex: 'half',
    signal: request.signal,
  }
  return new (platform().Request)(state.url, init as unknown as RequestInit)
}

function headersPairs(headers: Headers): [string, string][] {
  const list = headersList(headers) as readonly string[]
  const pairs: [string, string][] = []
  for (let i = 0; i < list.length; i += 2) pairs.push([list[i] as string, list[i + 1] as string])
  return pairs
}

function parts(self: unknown): BodyParts {
  const state = typeof self === 'object' && self !== null ? requestState(self) : undefined
  if (!state) throw new TypeError('Illegal invocation')
  return { body: state.body, headers: headersList(state.headers) as readonly string[] }
}

mixinBody(Request.prototype, parts)
finishInterface(Request.prototype, 'Request')
linkToPlatform(Request, 'Request')

export { Request }
