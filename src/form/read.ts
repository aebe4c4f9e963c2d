/** Reads one form: checks its headers, limits its body, and passes it to the parser for its type. */

import { RequestError } from '../core/errors.js'
import type { Exchange } from '../core/exchange.js'
import { onDemand } from '../core/load-ahead.js'
import { boundaryOf, type ContentType, charsetOf, multipartType, readContentType } from './content-type.js'
import { Form, type FormField, type FormFile, onDisk } from './data.js'
import { crossed, FormError, malformed } from './error.js'
import { type FormOptions, type FormSettings, readFormOptions } from './limits.js'
import { type FormSource, type NodeRequestLike, type RequestLike, readFailure, sourceOf } from './source.js'
import { type FileStore, openStore, rooms } from './store.js'
import type { PartTaker } from './types.js'

const multipart = onDemand(async () => {
  const { busboy, readMultipart } = await import('./multipart.js')
  await busboy()
  return readMultipart
})
const urlencoded = onDemand(() => import('./urlencoded.js'))

// A program with its own server: no other code preloads these modules before it serves.
if (process.env.GATEWAY_INTERFACE === undefined && process.env.REQUEST_METHOD === undefined)
  for (const load of [multipart, urlencoded, rooms, onDisk]) load().catch(() => {})

/**
 * Reads a form that was sent as application/x-www-form-urlencoded or multipart/form-data.
 *
 * @param request a fetch `Request` (Hono: `c.req.raw`, h3: `event.req`), a Node `req` (Koa: `ctx.req`,
 *   Fastify: `request.raw`) or an Exchange. Its body must not have been read.
 * @param options any of the limits, and where files are stored; see {@link FormOptions}.
 * @throws FormError 413 with the name of the `limit`, 400 malformed, 415 another content type; RequestError
 *   when the client disconnected or the body was cut off; UsageError for wrong arguments. Errors of a file
 *   handler are passed on. In every case the files of this form are removed, and the rest of
 *   the body is discarded so that the client gets the reply.
 */
export async function form(
  request: RequestLike | NodeRequestLike | Exchange,
  options?: FormOptions,
): Promise<Form> {
  const settings = readFormOptions(options)
  const source = sourceOf(request)
  const store = openStore(settings, source)
  try {
    return await read(source, settings, store)
  } catch (error) {
    source.cancel()
    await store.dispose()
    throw error
  }
}

async function read(source: FormSource, settings: FormSettings, store: FileStore): Promise<Form> {
  const { limits } = settings
  const type = checkHead(source, settings)
  const fields: FormField[] = []
  const files: FormFile[] = []
  let fieldsSize = 0
  const taker: PartTaker = {
    field(name, value) {
      fieldsSize += Buffer.byteLength(name) + Buffer.byteLength(value)
      if (fieldsSize > limits.fieldsSize)
        throw crossed('fieldsSize', limits, 'The fields of the form are too large')
      fields.push({ name, value })
    },
    async file(part) {
      const file = await store.take(part, fields)
      if (file !== null) files.push(file)
    },
  }
  const body = bodyOf(source, settings)
  if (type.media === multipartType) {
    const boundary = boundaryOf(type)
    const readMultipart = await multipart()
    await readMultipart(body, boundary, limits, taker)
  } else {
    const { UrlencodedParser } = await urlencoded()
    const parser = new UrlencodedParser(limits, decoderFor(charsetOf(type)), taker.field)
    for (let chunk = await body(); chunk !== null; chunk = await body()) parser.push(chunk)
    parser.end()
  }
  return new Form(fields, files, () => store.dispose())
}

function checkHead(source: FormSource, { limits }: FormSettings): ContentType {
  const text = source.header('content-type')
  if (text === undefined) {
    const hint = /^(GET|HEAD)$/.test(source.method ?? '')
      ? '; the fields of a GET form are in the query of the URL'
      : ''
    throw malformed(`The request has no Content-Type, so it contains no form${hint}.`)
  }
  const type = readContentType(text)
  const encoding = source.header('content-encoding')
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new FormError(
      'FORM_TYPE',
      `The form is compressed (Content-Encoding: ${JSON.stringify(encoding)}).`,
    )
  }
  const length = Number(source.header('content-length') ?? 0)
  if (length > limits.totalSize) throw crossed('totalSize', limits, `The request body has ${length} bytes`)
  return type
}

/** The body, counted against the limits, and stopped when a signal aborts. */
function bodyOf(source: FormSource, { limits, signal: own }: FormSettings): () => Promise<Uint8Array | null> {
  const signals = [source.signal, own].filter((signal) => signal !== undefined)
  let size = 0
  return async () => {
    let chunk: Uint8Array | null
    try {
      chunk = await unlessAborted(signals, () => source.read())
    } catch (error) {
      throw readFailure(error)
    }
    size += chunk?.length ?? 0
    if (size > limits.totalSize) throw crossed('totalSize', limits, 'The request body is too large')
    return chunk
  }
}

function unlessAborted<T>(signals: readonly AbortSignal[], act: () => Promise<T>): Promise<T> {
  const aborted = signals.find((signal) => signal.aborted)
  if (aborted) return Promise.reject(aborted.reason)
  if (signals.length === 0) return act()
  return new Promise((resolve, reject) => {
    const abort = () =>
      reject(new RequestError('REQUEST_ABORTED', 'The request was aborted while its form was being read.'))
    for (const signal of signals) signal.addEventListener('abort', abort, { once: true })
    const done = () => {
      for (const signal of signals) signal.removeEventListener('abort', abort)
    }
    act().then(resolve, reject).finally(done)
  })
}

/** RFC 7578 defines no charset for this type, the URL Standard only UTF-8; old clients send one. */
function decoderFor(charset: string): { decode(bytes: Uint8Array): string } {
  if (/^utf-?8$/i.test(charset)) {
    return {
      decode: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'),
    }
  }
  try {
    return new TextDecoder(charset)
  } catch (error) {
    throw new FormError('FORM_TYPE', `The charset of the form is unknown: ${JSON.stringify(charset)}.`, {
      cause: error,
    })
  }
}
