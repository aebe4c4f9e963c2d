/** Response (https://fetch.spec.whatwg.org/#response-class) without undici. */
import { type BodyState, type Extracted, extractBody } from './body.js'
import {
  finishInterface,
  isReasonPhrase,
  needArguments,
  toByteString,
  toDictionary,
  toDOMString,
  toUnsignedShort,
} from './convert.js'
import { createHeaders, type Guard, type Headers, headersGuard, headersList, listFrom } from './headers.js'
import { type BodyMethods, type BodyParts, mixinBody } from './mixin.js'
import { linkToPlatform } from './platform.js'

const createKey = Symbol('create')
const nullBody = [101, 204, 205, 304]
const redirectStatuses = [301, 302, 303, 307, 308]

interface State {
  status: number
  statusText: string
  type: 'default' | 'error'
  headers: Headers
  body: BodyState | null
}

/** The state of a light Response; undefined for anything else. */
export let responseState: (value: object) => Readonly<State> | undefined

class Response implements BodyMethods {
  declare arrayBuffer: BodyMethods['arrayBuffer']
  declare blob: BodyMethods['blob']
  declare bytes: BodyMethods['bytes']
  declare formData: BodyMethods['formData']
  declare json: BodyMethods['json']
  declare text: BodyMethods['text']
  #state: State

  constructor(body: unknown = null, init: unknown = undefined) {
    this.#state = body === createKey ? (init as State) : construct(body, init)
  }

  static {
    responseState = (value) => (#state in value ? value.#state : undefined)
    Object.defineProperty(Response, 'length', { value: 0, configurable: true })
  }

  static error(): Response {
    return create(0, '', [], 'immutable', null, 'error')
  }

  static json(data: unknown, init: unknown = undefined): Response {
    needArguments(arguments.length, 1, 'Response.json')
    const text = JSON.stringify(data)
    if (text === undefined) throw new TypeError('Value is not JSON serializable')
    return new Response(createKey, assemble({ ...extractBody(text), type: 'application/json' }, init))
  }

  static redirect(url: unknown, status: unknown = 302): Response {
    needArguments(arguments.length, 1, 'Response.redirect')
    const text = toDOMString(url, 'Response.redirect')
    const code = toUnsignedShort(status, 'Response.redirect')
    let location: string
    try {
      location = new URL(text).href
    } catch (cause) {
      throw new TypeError(`Failed to parse URL from ${text}`, { cause })
    }
    if (!redirectStatuses.includes(code)) throw new RangeError(`Invalid status code ${code}`)
    return create(code, '', ['location', location], 'immutable', null, 'default')
  }

  get type(): string {
    return this.#state.type
  }

  /** Responses that were not fetched have no URL. */
  get url(): string {
    void this.#state
    return ''
  }

  get redirected(): boolean {
    void this.#state
    return false
  }

  get status(): number {
    return this.#state.status
  }

  get ok(): boolean {
    return this.#state.status >= 200 && this.#state.status <= 299
  }

  get statusText(): string {
    return this.#state.statusText
  }

  get headers(): Headers {
    return this.#state.headers
  }

  get body(): ReadableStream | null {
    return this.#state.body?.stream ?? null
  }

  get bodyUsed(): boolean {
    return this.#state.body?.used ?? false
  }

  clone(): Response {
    const { status, statusText, headers, body, type } = this.#state
    if (body?.unusable) throw new TypeError('Response.clone: Body has already been consumed.')
    const list = [...(headersList(headers) as readonly string[])]
    return create(status, statusText, list, headersGuard(headers), body?.clone() ?? null, type)
  }

  [Symbol.for('nodejs.util.inspect.custom')](
    _depth: number | null,
    options: Record<string, unknown>,
    inspect: (value: unknown, options: unknown) => string,
  ): string {
    const { status, statusText, headers, body, bodyUsed, ok, redirected, type, url } = this
    options.depth ??= 2
    return `Response ${inspect({ status, statusText, headers, body, bodyUsed, ok, redirected, type, url }, options)}`
  }
}

function create(
  status: number,
  statusText: string,
  list: readonly string[],
  guard: Guard,
  body: BodyState | null,
  type: State['type'],
): Response {
  const state: State = { status, statusText, type, headers: createHeaders(list, guard), body }
  return new Response(createKey, state)
}

/** https://fetch.spec.whatwg.org/#dom-response */
function construct(body: unknown, init: unknown): State {
  return assemble(body === null || body === undefined ? null : extractBody(body), init)
}

/** https://fetch.spec.whatwg.org/#initialize-a-response */
function assemble(extracted: Extracted | null, init: unknown): State {
  let status = 200
  let statusText = ''
  let list: readonly string[] = []
  const members = toDictionary(init, 'Response constructor: init')
  if (members) {
    const { status: givenStatus, statusText: givenText, headers } = members
    if (headers !== undefined) list = listFrom(headers)
    if (givenStatus !== undefined) status = toUnsignedShort(givenStatus, 'Response constructor: init.status')
    if (givenText !== undefined) statusText = toByteString(givenText, 'Response constructor: init.statusText')
  }
  if (status < 200 || status > 599) {
    throw new RangeError('init["status"] must be in the range of 200 to 599, inclusive.')
  }
  if (!isReasonPhrase(statusText)) throw new TypeError('Invalid statusText')
  if (extracted) {
    if (nullBody.includes(status)) {
      throw new TypeError(`Response constructor: Invalid response status code ${status}`)
    }
    const { type } = extracted
    // Names are at even indexes, so a value cannot match.
    if (type !== null && !hasName(list, 'content-type')) list = [...list, 'content-type', type]
  }
  return {
    status,
    statusText,
    type: 'default',
    headers: createHeaders(list, 'response'),
    body: extracted?.body ?? null,
  }
}

function hasName(list: readonly string[], name: string): boolean {
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) return true
  return false
}

function parts(self: unknown): BodyParts {
  const state = typeof self === 'object' && self !== null ? responseState(self) : undefined
  if (!state) throw new TypeError('Illegal invocation')
  return { body: state.body, headers: headersList(state.headers) as readonly string[] }
}

mixinBody(Response.prototype, parts)
finishInterface(Response.prototype, 'Response')
for (const name of ['error', 'json', 'redirect']) Object.defineProperty(Response, name, { enumerable: true })
linkToPlatform(Response, 'Response')

export { Response }
