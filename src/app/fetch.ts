/** Fetch apps as Handlers: `fetch(request, env, context)` of Hono, h3 and plain objects. */
import { type CgiRequest, translate } from '../env/request.js'
import { RequestError } from '../errors.js'
import type { Exchange, Handler } from '../exchange.js'
import type { AppOptions, FetchApp, FetchContext } from './handler.js'
import { replyFrom } from './response.js'
import { BodyState } from './web/body.js'
import { lightWebIsInstalled } from './web/install.js'
import { createRequest } from './web/request.js'
import { streamOfBody } from './web/streams.js'

/**
 * Turns a fetch app into a Handler. The app gets the CGI meta-variables as `env`, a Request whose
 * `signal` is the exchange's, and a context with `waitUntil()`.
 *
 * The reply fails with AppError RESPONSE_INVALID when the app returns something else than a
 * Response, and with RequestError REQUEST_URL_INVALID when the request has no usable URL.
 */
export function fetchHandler(app: FetchApp, options: AppOptions = {}): Handler {
  const full = options.url === 'full'
  return async (exchange) => {
    const cgi = translate(exchange.env, translateOptions(options, exchange.stdin.length))
    const request = requestFrom(cgi, exchange, full)
    const context = contextOf(exchange, cgi, full)
    addServerProperties(request, exchange, context)
    const returned: unknown = await app.fetch(request, exchange.env.toObject(), context)
    return replyFrom(returned, exchange)
  }
}

function translateOptions({ mount }: AppOptions, bodyLength: number | null) {
  return mount === undefined ? { bodyLength } : { bodyLength, mount }
}

function contextOf(exchange: Exchange, cgi: CgiRequest, full: boolean): FetchContext {
  return {
    waitUntil: (work) => exchange.waitUntil(work),
    passThroughOnException() {},
    props: {},
    exchange,
    get mount() {
      return full ? '' : cgi.mount
    },
    get url() {
      return normalUrl(cgi.url)
    },
  }
}

/** What h3 and others built on srvx look for on the Request itself. */
function addServerProperties(request: Request, exchange: Exchange, context: FetchContext): void {
  Object.defineProperties(request, {
    waitUntil: { value: context.waitUntil, writable: true, configurable: true },
    ip: { value: exchange.env.get('REMOTE_ADDR') || undefined, writable: true, configurable: true },
  })
}

function requestFrom(cgi: CgiRequest, exchange: Exchange, full: boolean): Request {
  const { stdin } = exchange
  const url = normalUrl(full ? cgi.url : cgi.relativeUrl)
  if (lightWebIsInstalled()) {
    const body = stdin.length === 0 ? null : BodyState.incoming(stdin)
    return createRequest(cgi.method, url, cgi.headers, body, exchange) as unknown as Request
  }
  return platformRequestFrom(cgi.method, url, cgi.headers, exchange)
}

/** The URL as a Request has it: parsed and serialized (https://url.spec.whatwg.org). */
function normalUrl(url: string): string {
  try {
    return new URL(url).href
  } catch (cause) {
    const detail = `The request is for ${JSON.stringify(url)}, which is not a valid URL.`
    throw new RequestError('REQUEST_URL_INVALID', detail, { cause })
  }
}

/** Methods that the platform's Request refuses to be made with; a gateway passes them on. */
const REFUSED = /^(?:connect|trace|track)$/i

function platformRequestFrom(
  method: string,
  url: string,
  headers: readonly string[],
  exchange: Exchange,
): Request {
  const { stdin, signal } = exchange
  const pairs: [string, string][] = []
  for (let i = 0; i < headers.length; i += 2) pairs.push([headers[i] as string, headers[i + 1] as string])
  const body = stdin.length === 0 ? null : streamOfBody(stdin)
  // It refuses a body with GET and HEAD too.
  const unusual = REFUSED.test(method) || (body !== null && /^(?:get|head)$/i.test(method))
  const init = { method: unusual ? 'POST' : method, headers: pairs, body, duplex: 'half', signal }
  const request = new Request(url, init as RequestInit)
  Object.defineProperty(request, 'signal', { value: signal, configurable: true })
  if (request.method !== method)
    Object.defineProperty(request, 'method', { value: method, configurable: true })
  return request
}
