/** Static files. */
import { type FileHandle, open } from 'node:fs/promises'
import { extname } from 'node:path'
import { translate } from '../env/request.js'
import { shortage } from '../errors.js'
import type { Exchange, Handler, Reply } from '../exchange.js'
import { notModified, type Range, rangeOf, type Version } from './conditions.js'
import { type FindOptions, find } from './find.js'
import { directoryPath } from './options.js'
import { plainReply } from './pages.js'
import { type Place, placeOf, withSlash } from './path.js'
import { mediaTypes } from './types.js'

export interface FilesOptions extends FindOptions {
  /** Files that answer for a directory, the first that exists. Default `index.html`. */
  readonly index?: readonly string[]
  /** Value of Cache-Control. Default `no-cache`: always ask, get 304 when nothing changed. */
  readonly cacheControl?: string
  /** Media types by extension, before the built-in ones. Unknown ones are application/octet-stream. */
  readonly types?: Readonly<Record<string, string>>
  /** Extensions of files that are never served, as they hold programs. Default `.php .cgi .pl .py .rb .sh`. */
  readonly refuse?: readonly string[]
}

const programs = ['.php', '.cgi', '.fcgi', '.pl', '.py', '.rb', '.sh']
const pieceBytes = 64 * 1024

/**
 * Serves the files of a directory: GET and HEAD, ETag, Last-Modified, 304, one range. Not found (404):
 * hidden files, anything outside the directory. Forbidden (403): programs, by extension, and executable
 * files whose first bytes are `#!`.
 *
 * @throws UsageError USAGE when the directory does not exist
 */
export function files(directory: string, options: FilesOptions = {}): Handler {
  const root = directoryPath(directory)
  return (exchange) => {
    const place = placeOf(exchange)
    if ('refused' in place) return plainReply(400)
    const file = fileAt(root, place, exchange, options)
    return typeof file === 'string' ? sendFile(file, exchange, options) : file
  }
}

/** Answers with one file, which has been found and may be seen. */
export function sendFile(file: string, exchange: Exchange, options: FilesOptions): Reply | Promise<Reply> {
  const method = exchange.env.get('REQUEST_METHOD')
  if (method !== 'GET' && method !== 'HEAD') return plainReply(405, ['Allow', 'GET, HEAD'])
  if ((options.refuse ?? programs).includes(extname(file).toLowerCase())) {
    exchange.stderr(`403: ${file} is a program; run it with cgiBin(), or take its extension out of refuse.\n`)
    return plainReply(403)
  }
  return send(file, exchange, options)
}

function fileAt(root: string, place: Place, exchange: Exchange, options: FilesOptions): string | Reply {
  const found = find(root, place.segments, options)
  // A file has nothing below it, not even a slash.
  if (found.kind === 'file') return found.depth === place.segments.length ? found.file : plainReply(404)
  if (found.kind === 'none') return plainReply(404)
  if (place.segments.at(-1) !== '') return withSlash(exchange, place)
  for (const name of options.index ?? ['index.html']) {
    const index = find(found.path, [name], options)
    if (index.kind === 'file') return index.file
  }
  return plainReply(404)
}

async function send(file: string, exchange: Exchange, options: FilesOptions): Promise<Reply> {
  const handle = await open(file, 'r').catch((error) => {
    const short = shortage(error, `${file} could not be opened`)
    if (short) throw short
    return null
  })
  if (!handle) {
    exchange.stderr(`403: ${file} cannot be read.\n`)
    return plainReply(403)
  }
  let keep = false
  try {
    const stats = await handle.stat()
    if (stats.mode & 0o111 && (await startsAsScript(handle))) {
      exchange.stderr(`403: ${file} is a script; run it with cgiBin().\n`)
      return plainReply(403)
    }
    const modified = Math.floor(stats.mtimeMs / 1000)
    const version = {
      etag: `"${stats.size.toString(36)}-${Math.round(stats.mtimeMs * 1000).toString(36)}"`,
      modified,
    }
    const reply = headOf(file, stats.size, version, exchange, options)
    if (reply.body !== null || !reply.range) return reply
    const { start, end } = reply.range
    if (end - start <= pieceBytes) return { ...reply, body: await piece(handle, start, end) }
    keep = true
    return { ...reply, body: pieces(handle, start, end) }
  } finally {
    if (!keep) await handle.close()
  }
}

type FileReply = Reply & { readonly range?: Range }

/** Status and fields, and which part of the file is to be the body. */
function headOf(
  file: string,
  size: number,
  version: Version,
  exchange: Exchange,
  options: FilesOptions,
): FileReply {
  const request = translate(exchange.env)
  const common = ['ETag', version.etag, 'Last-Modified', new Date(version.modified * 1000).toUTCString()]
  common.push('Cache-Control', options.cacheControl ?? 'no-cache')
  if (notModified(request.header('if-none-match'), request.header('if-modified-since'), version)) {
    return { status: 304, headers: common, body: null }
  }
  const extension = extname(file).toLowerCase()
  const type = options.types?.[extension] ?? mediaTypes[extension] ?? 'application/octet-stream'
  const headers = [
    'Content-Type',
    type,
    'X-Content-Type-Options',
    'nosniff',
    'Accept-Ranges',
    'bytes',
    ...common,
  ]
  if (request.method === 'HEAD')
    return { status: 200, headers: [...headers, 'Content-Length', String(size)], body: null }
  const range = rangeOf(request.header('range'), request.header('if-range'), size, version)
  if (range === 'unsatisfiable') return plainReply(416, ['Content-Range', `bytes */${size}`])
  const { start, end } = range ?? { start: 0, end: size }
  headers.push('Content-Length', String(end - start))
  if (range) headers.push('Content-Range', `bytes ${start}-${end - 1}/${size}`)
  return { status: range ? 206 : 200, headers, body: null, range: { start, end } }
}

async function startsAsScript(handle: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0)
  return bytesRead === 2 && buffer.toString('latin1') === '#!'
}

async function piece(handle: FileHandle, start: number, end: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(end - start), 0, end - start, start)
  if (bytesRead < end - start) throw new Error('the file became shorter while it was read')
  return buffer
}

async function* pieces(
  handle: FileHandle,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (let at = start; at < end; at += pieceBytes)
      yield await piece(handle, at, Math.min(at + pieceBytes, end))
  } finally {
    await handle.close()
  }
}
