/** Gives the platform's Request the features of a received light Request. */
import { afterwards, type Exchange, inFlight } from '../core/exchange.js'
import { keeper, setOwn } from './fetch-request.js'
import { wholeBodyLimit, wholeBodyTooLarge } from './whole-body.js'

/** Adds `ip`, `waitUntil`, the end of the exchange, and the limit for bodies read into memory. */
export function addServerProperties(request: globalThis.Request, exchange: Exchange): void {
  setOwn(request, 'ip', exchange.env.get('REMOTE_ADDR') || undefined)
  setOwn(request, 'waitUntil', keeper(exchange))
  bind(request, exchange)
  if (exchange[afterwards] === undefined) return
  // `new Request(request)` copies none of these features.
  const all = inFlight()
  all.add(exchange)
  exchange[afterwards](() => all.delete(exchange))
}

const whole = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const

function bind(request: globalThis.Request, exchange: Exchange): void {
  setOwn(request, afterwards, (task: () => void) => exchange[afterwards]?.(task))
  setOwn(request, 'clone', function (this: globalThis.Request) {
    const copy = globalThis.Request.prototype.clone.call(this)
    bind(copy, exchange)
    return copy
  })
  if (exchange.stdin.length === 0) return
  for (const name of whole) {
    // Node 20 has no bytes().
    if ((request as Methods)[name] !== undefined) setOwn(request, name, () => take(request, exchange, name))
  }
}

type Whole = (typeof whole)[number]
/** Optional, because Node 20 has no `bytes`. */
type Methods = Partial<Record<Whole, () => Promise<unknown>>>

/** Counts a body without a length while it is read; otherwise checks the announced length. */
async function take(request: globalThis.Request, exchange: Exchange, name: Whole): Promise<unknown> {
  const { length } = exchange.stdin
  const max = wholeBodyLimit(exchange)
  const method = (globalThis.Request.prototype as Methods)[name] as () => Promise<unknown>
  const { body } = request
  if (body === null || body.locked || request.bodyUsed || (length !== null && length <= max))
    return method.call(request)
  if (length !== null) {
    void body.cancel().catch(() => {})
    throw wholeBodyTooLarge(length, max)
  }
  const headers = { 'content-type': request.headers.get('content-type') ?? '' }
  const counted: Methods = new globalThis.Response(body.pipeThrough(counter(max)), { headers })
  return counted[name]?.()
}

function counter(max: number): TransformStream<Uint8Array, Uint8Array> {
  let size = 0
  return new TransformStream({
    transform(piece, controller) {
      size += piece.byteLength
      if (size > max) throw wholeBodyTooLarge(null, max)
      controller.enqueue(piece)
    },
  })
}
