/** Sends a {@link Reply} as an HTTP response: framed by Node, or raw when the reply is verbatim. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { cutOffText, logLine } from '../../cgi/codec/error-text.js'
import { prepareReply } from '../../cgi/codec/head.js'
import { AppError } from '../../core/errors.js'
import type { Reply } from '../../core/exchange.js'
import type { RequestBody } from './body.js'
import type { HttpExchange } from './exchange.js'

/** Time between the last data of a broken reply and the reset, in milliseconds. */
const resetDelayMs = 20

export interface Sent {
  status: number
  /** Body bytes written to the connection. */
  bytes: number
  /** The client got only part of the reply. */
  cut: boolean
}

/**
 * Sends a reply to its end. Errors on the way do not throw: a body that fails is reported on the exchange's
 * stderr, and the connection is closed in a way that the client notices.
 *
 * @throws AppError when the reply cannot be sent at all (bad header, bad status); nothing was sent then.
 */
export async function sendReply(
  reply: Reply,
  exchange: HttpExchange,
  res: ServerResponse,
  closing: boolean,
): Promise<Sent> {
  const prepared = prepareReply(reply, res.req.method ?? 'GET', false)
  const sent: Sent = { status: prepared.status, bytes: 0, cut: false }
  if (exchange.aborted || res.destroyed) {
    await dropBody(reply.body)
    sent.cut = true
    return sent
  }
  if (prepared.verbatim) return sendVerbatim(reply, exchange, res, sent)

  const headers = prepared.headers
  exchange.last = closing || !exchange.stdin.discardable
  if (exchange.last) headers.push('Connection', 'close')
  if (needsLength(res, prepared)) headers.push('Content-Length', '0')
  res.writeHead(prepared.status, prepared.reason, headers)
  if (prepared.dropped) dropBody(prepared.dropped)

  // Node writes a head together with a text body, both in UTF-8. A body of bytes keeps the head in Latin-1.
  const body = typeof prepared.body === 'string' ? Buffer.from(prepared.body) : prepared.body
  if (body === null || body instanceof Uint8Array) {
    await sendPiece(body, exchange.stdin, res, sent)
  } else {
    await sendStream(body, prepared.length, exchange, res, sent)
  }
  return sent
}

/** Without a length Node would frame an empty reply as chunked. RFC 9110 8.6: not with 1xx and 204. */
function needsLength(
  res: ServerResponse,
  reply: { status: number; headers: string[]; body: unknown },
): boolean {
  if (reply.body !== null || res.req.method === 'HEAD') return false
  if (reply.status === 204 || reply.status === 304) return false
  return !reply.headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'content-length')
}

async function sendPiece(
  body: string | Uint8Array | null,
  stdin: RequestBody,
  res: ServerResponse,
  sent: Sent,
): Promise<void> {
  if (body !== null) sent.bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
  if (!stdin.complete && !stdin.expectsContinue) {
    if (body !== null) res.write(body)
    else res.flushHeaders()
    if (!(await end(res, stdin))) sent.cut = true
    return
  }
  if (body !== null) res.end(body)
  else res.end()
  if (!(await flushed(res))) sent.cut = true
}

/**
 * Ends a reply while more of the request body may arrive. On a kept connection the reply ends at once: nginx
 * sends no more of the body until it has the whole reply. Otherwise the connection closes after the reply, so
 * the whole body has to be read first. Resolves false when the connection closed too early.
 */
async function end(res: ServerResponse, stdin: RequestBody): Promise<boolean> {
  const { socket } = res
  const kept = res.shouldKeepAlive
  stdin.cancel()
  if (!kept) await stdin.discarded()
  res.end()
  const whole = await flushed(res)
  if (kept) {
    await stdin.discarded()
    if (!stdin.complete) socket?.destroy()
  }
  return whole
}

async function sendStream(
  body: AsyncIterable<Uint8Array>,
  length: number | null,
  exchange: HttpExchange,
  res: ServerResponse,
  sent: Sent,
): Promise<void> {
  try {
    for await (const piece of body) {
      if (piece.byteLength === 0) continue
      sent.bytes += piece.byteLength
      if (length !== null && sent.bytes > length) throw wrongLength(length, sent.bytes, 'at least')
      if (!res.write(piece) && !(await writable(res))) break
      if (res.destroyed) break
    }
    if (res.destroyed) {
      sent.cut = true
      return
    }
    if (length !== null && sent.bytes < length) throw wrongLength(length, sent.bytes, 'only')
    if (!(await end(res, exchange.stdin))) sent.cut = true
  } catch (error) {
    sent.cut = true
    if (!exchange.aborted) exchange.stderr(cutOffLine(exchange, sent, error))
    cutOff(res, length !== null || res.chunkedEncoding)
  }
}

/** RFC 3875 5.2: "The server MUST ensure that the script output is sent to the client unmodified". */
async function sendVerbatim(
  reply: Reply,
  exchange: HttpExchange,
  res: ServerResponse,
  sent: Sent,
): Promise<Sent> {
  const socket = await ownSocket(res)
  if (!socket) return { ...sent, cut: true }
  exchange.verbatimBegun = true
  const { body } = reply
  try {
    if (body === null || typeof body === 'string' || body instanceof Uint8Array) {
      if (body !== null) socket.write(body)
      sent.bytes = body === null ? 0 : Buffer.byteLength(body)
    } else {
      for await (const piece of body) {
        sent.bytes += piece.byteLength
        if (!socket.write(piece) && !(await writable(socket))) break
        if (socket.destroyed) break
      }
    }
    if (socket.destroyed) return { ...sent, cut: true }
    exchange.stdin.cancel()
    await exchange.stdin.discarded()
    await new Promise<void>((resolve) => {
      socket.once('close', resolve)
      socket.destroySoon()
    })
  } catch (error) {
    sent.cut = true
    exchange.stderr(cutOffLine(exchange, sent, error))
    cutOff(res, false)
  }
  return sent
}

/** The response's socket, when its turn comes on the connection (pipelining). */
function ownSocket(res: ServerResponse): Promise<Socket | null> {
  if (res.socket) return Promise.resolve(res.socket)
  if (res.destroyed) return Promise.resolve(null)
  return new Promise((resolve) => {
    res.once('socket', resolve)
    res.once('close', () => resolve(null))
  })
}

/**
 * Ends the connection so that the client cannot mistake a partial reply for a complete one. If the reply has a
 * length or is chunked, closing is enough; if it lasts until the connection closes, only a reset shows it.
 */
export function cutOff(res: ServerResponse, framed: boolean): void {
  const socket = res.socket
  if (!socket) {
    res.destroy()
    return
  }
  // What was written in this turn is still in Node's buffers.
  if (framed) setImmediate(() => socket.destroySoon())
  else if (socket.remoteAddress === undefined) setImmediate(() => socket.destroy())
  // libuv reports a reset that arrives together with data as a clean end, so let the client read the data
  // first.
  else setTimeout(() => socket.resetAndDestroy(), resetDelayMs)
}

/** Resolves true when more can be written, false when the connection is closed. */
function writable(stream: ServerResponse | Socket): Promise<boolean> {
  if (stream.destroyed) return Promise.resolve(false)
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve(!stream.destroyed)
    }
    stream.on('drain', done)
    stream.on('close', done)
  })
}

/** Resolves true when everything was passed to the system, false when the connection closed first. */
function flushed(res: ServerResponse): Promise<boolean> {
  const { socket } = res.req
  // When the connection is destroyed, Node counts pending data as written.
  if (socket.destroyed || res.destroyed) return Promise.resolve(false)
  if (res.writableFinished) return Promise.resolve(true)
  return new Promise((resolve) => {
    res.once('finish', () => resolve(!socket.destroyed))
    res.once('close', () => resolve(false))
  })
}

/** Cancels a body that is not wanted. */
async function dropBody(body: Reply['body']): Promise<void> {
  if (body === null || typeof body !== 'object' || !(Symbol.asyncIterator in body)) return
  try {
    await body[Symbol.asyncIterator]().return?.()
  } catch {
    // The reply is over: nothing can be done about an error of its body.
  }
}

function wrongLength(announced: number, seen: number, how: string): AppError {
  return new AppError(
    'REPLY_BODY_LENGTH',
    `Content-Length announced ${announced} bytes, the body has ${how} ${seen}.`,
  )
}

function cutOffLine({ env }: HttpExchange, { bytes }: Sent, error: unknown): string {
  return logLine(env, cutOffText(error, bytes))
}
