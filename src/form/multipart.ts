/** multipart/form-data (RFC 7578) on top of busboy, with the checks that busboy leaves to its caller. */

import type { Readable } from 'node:stream'
import type { Busboy, FileInfo } from 'busboy'
import { onDemand } from '../core/load-ahead.js'
import { crossed, malformed } from './error.js'
import { PartHeads } from './heads.js'
import type { FormLimits } from './limits.js'
import { pull } from './source.js'
import type { PartTaker } from './types.js'

/**
 * Reads a whole form. Rejects at the first error and stops the parser.
 * @param next returns the next chunk of the body, null at its end.
 * @param boundary of visible characters, without quotes and backslashes.
 * @throws FormError, what `next` throws, what the taker throws.
 */
export async function readMultipart(
  next: () => Promise<Uint8Array | null>,
  boundary: string,
  limits: Readonly<FormLimits>,
  taker: PartTaker,
): Promise<void> {
  const heads = new PartHeads(boundary, limits)
  const parts = new Parts(await openParser(boundary, limits), limits, taker)
  try {
    for (let chunk = await next(); chunk !== null; chunk = await next()) {
      heads.push(chunk)
      await parts.write(chunk)
    }
    await parts.end()
    // Busboy silently skips a part with an invalid Content-Disposition: report it instead.
    if (parts.seen !== heads.count) {
      throw malformed('A part of the form has no valid "Content-Disposition: form-data; name=…".')
    }
  } catch (error) {
    throw parts.fail(error)
  }
}

/** Loaded with the first form, or preloaded. */
export const busboy = onDemand(() => import('busboy'))

async function openParser(boundary: string, limits: Readonly<FormLimits>): Promise<Busboy> {
  const { default: parser } = await busboy()
  return parser({
    // Built here: busboy would parse the client's header differently.
    headers: { 'content-type': `multipart/form-data; boundary="${boundary}"` },
    // File names and field names are UTF-8 in what browsers and curl send (RFC 7578 section 5.1).
    defParamCharset: 'utf8',
    defCharset: 'utf8',
    preservePath: true,
    // One more than allowed: busboy reports a value of exactly the limit as truncated.
    limits: { fieldSize: limits.fieldSize + 1 },
  })
}

class Parts {
  /** Parts that busboy reported. */
  seen = 0
  readonly #parser: Busboy
  readonly #limits: Readonly<FormLimits>
  readonly #taker: PartTaker
  readonly #streams: Readable[] = []
  #files = 0
  #fields = 0
  #taken: Promise<void> = Promise.resolve()
  #fault: unknown
  #reject: ((error: unknown) => void) | undefined

  constructor(parser: Busboy, limits: Readonly<FormLimits>, taker: PartTaker) {
    this.#parser = parser
    this.#limits = limits
    this.#taker = taker
    parser.on('error', (error) => this.fail(broken(error)))
    parser.on('field', (name, value, info) =>
      this.#guard(() => this.#field(name, value, info.valueTruncated)),
    )
    parser.on('file', (name, stream, info) => {
      this.#streams.push(stream)
      // Without a listener, an error of a stream that nobody reads would crash the process.
      stream.on('error', () => {})
      this.#guard(() => this.#file(name, stream, info))
    })
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#step((resolve) => this.#parser.write(chunk, (error) => error ?? resolve()))
  }

  async end(): Promise<void> {
    await this.#step((resolve) => this.#parser.once('close', resolve).end())
    await this.#step((resolve) => void this.#taken.then(resolve))
  }

  /** Keeps the first error, and destroys the streams. */
  fail(error: unknown): unknown {
    if (this.#fault !== undefined) return this.#fault
    this.#fault = error
    this.#parser.destroy()
    for (const stream of this.#streams) stream.destroy()
    this.#reject?.(error)
    return error
  }

  /** Waits for `act` or for an error, whichever comes first. */
  #step(act: (resolve: () => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#fault !== undefined) return reject(this.#fault)
      this.#reject = reject
      act(resolve)
    })
  }

  #guard(act: () => void): void {
    if (this.#fault !== undefined) return
    try {
      act()
    } catch (error) {
      this.fail(error)
    }
  }

  #field(rawName: string | undefined, value: string | undefined, cut: boolean): void {
    this.seen++
    if (++this.#fields > this.#limits.fields)
      throw crossed('fields', this.#limits, 'The form has too many fields')
    const name = this.#name(rawName)
    if (cut)
      throw crossed('fieldSize', this.#limits, `The value of field ${JSON.stringify(name)} is too large`)
    if (value === undefined) throw malformed(`The charset of field ${JSON.stringify(name)} is unknown.`)
    this.#taker.field(name, value)
  }

  #file(rawName: string | undefined, stream: Readable, info: FileInfo): void {
    this.seen++
    const field = this.#name(rawName)
    const name = cleanFileName(unescapeName(info.filename ?? ''))
    const bytes = this.#bytes(stream, field)
    const take = async () => {
      // An empty part without a file name is a file control with no file chosen.
      const part = info.filename ? bytes : await unlessEmpty(bytes)
      if (part === null) return
      if (++this.#files > this.#limits.files)
        throw crossed('files', this.#limits, 'The form has too many files')
      await this.#taker.file({ field, name, type: info.mimeType, bytes: part })
      stream.resume()
    }
    this.#taken = this.#taken.then(take).catch((error) => void this.fail(error))
  }

  /** Busboy gives no name when it is empty or absent; both become "". */
  #name(rawName: string | undefined): string {
    const name = unescapeName(rawName ?? '')
    if (Buffer.byteLength(name) > this.#limits.fieldNameSize) {
      throw crossed('fieldNameSize', this.#limits, 'A field name is too long')
    }
    return name
  }

  async *#bytes(stream: Readable, field: string): AsyncGenerator<Uint8Array, void, undefined> {
    let size = 0
    for (;;) {
      let chunk: Uint8Array | null
      try {
        chunk = await pull(stream)
      } catch (error) {
        throw this.#fault ?? broken(error)
      }
      if (chunk === null) return
      size += chunk.length
      if (size > this.#limits.fileSize) {
        throw this.fail(
          crossed('fileSize', this.#limits, `The file in field ${JSON.stringify(field)} is too large`),
        )
      }
      yield chunk
    }
  }
}

function broken(error: unknown): unknown {
  return malformed(`The multipart form is malformed or truncated (${(error as Error).message}).`, error)
}

async function unlessEmpty(bytes: AsyncGenerator<Uint8Array>): Promise<AsyncIterable<Uint8Array> | null> {
  const first = await bytes.next()
  if (first.done) return null
  return (async function* () {
    yield first.value
    yield* bytes
  })()
}

/**
 * HTML standard, "multipart/form-data encoding algorithm": in the names of fields and files, LF, CR and the
 * double quote are sent as %0A, %0D and %22; nothing else is escaped.
 */
function unescapeName(name: string): string {
  if (!name.includes('%')) return name
  return name.replace(/%0A/gi, '\n').replace(/%0D/gi, '\r').replaceAll('%22', '"')
}

/**
 * The last component of a client's file name, without control characters: RFC 7578 section 4.2, "do
 * not use the file name blindly, check and possibly change to match local file system conventions".
 * Empty for an invalid name (`..`, `/`, nothing).
 */
function cleanFileName(name: string): string {
  const last = name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1)
  // Control characters, and those that change the direction of text (they hide the real extension).
  const clean = last.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '').trim()
  return clean === '.' || clean === '..' ? '' : clean
}
