/** Replies as the platform's Response. */
import { prepareReply } from '../cgi/codec/head.js'
import type { Reply } from '../core/exchange.js'
import { withCapitalNames } from '../fastcgi/codec/authorizer.js'
import { parseVerbatimReply } from '../serve/verbatim-reply.js'
import type { MemoryExchange } from './exchange.js'
import { variablesOf } from './role.js'

/** The platform's Response, and what a web server uses from the reply of an Authorizer. */
export type TestResponse = Response & {
  /**
   * FastCGI 1.0 section 6.3: the variables that the request gets when an Authorizer allows it, from the
   * `Variable-` fields of a reply with status 200. Empty otherwise.
   */
  readonly variables: Readonly<Record<string, string>>
}

export const stackText = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)

/** Rejects when the client disconnects. */
export function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}

/** The reply as the platform's Response, checked and completed as under every gateway. */
export async function toResponse(
  reply: Reply,
  method: string,
  exchange: MemoryExchange,
  done: () => void,
): Promise<TestResponse> {
  const { role } = exchange.gateway
  const plain = reply.verbatim ? await parseVerbatimReply(reply) : reply
  const prepared = prepareReply(role === 'authorizer' ? withCapitalNames(plain) : plain, method)
  if (prepared.dropped) void prepared.dropped[Symbol.asyncIterator]().return?.()
  const headers = new Headers()
  for (let i = 0; i < prepared.headers.length; i += 2) {
    headers.append(prepared.headers[i] as string, prepared.headers[i + 1] as string)
  }
  const { status, reason: statusText, body } = prepared
  const inPieces = body !== null && typeof body !== 'string' && !(body instanceof Uint8Array)
  if (!inPieces) done()
  const shown = inPieces ? stream(body, prepared.length, exchange, done) : body
  const response = new Response(shown as ConstructorParameters<typeof Response>[0], {
    status,
    statusText,
    headers,
  })
  return Object.assign(response, { variables: variablesOf(role, status, prepared.headers) })
}

/** Read on demand by the test; a cut-off reply is an error, as on a connection. */
function stream(
  body: AsyncIterable<Uint8Array>,
  length: number | null,
  exchange: MemoryExchange,
  done: () => void,
): ReadableStream<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]()
  let sent = 0
  const gone = whenAborted(exchange.signal)
  gone.catch(() => {})
  const stop = () => {
    done()
    void pieces.return?.()
  }
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done: ended, value } = await Promise.race([pieces.next(), gone])
          if (!ended) sent += value.length
          if (length !== null && (sent > length || (ended && sent < length)))
            throw new Error(`The body has ${sent} bytes; its Content-Length is ${length}.`)
          if (!ended) return controller.enqueue(value)
          done()
          controller.close()
        } catch (error) {
          exchange.stderr(`The reply was cut off after ${sent} bytes: ${stackText(error)}\n`)
          stop()
          controller.error(error)
        }
      },
      cancel() {
        exchange.abort()
        stop()
      },
    },
    { highWaterMark: 0 },
  )
}
