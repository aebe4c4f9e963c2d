/** Static files. */
import { type FileHandle, open } from 'node:fs/promises'
import { basename } from 'node:path'
import { showsDevelopment } from '../core/development.js'
import { shortage } from '../core/errors.js'
import type { Exchange, Handler, Reply } from '../core/exchange.js'
import { translate } from '../env/request.js'
import { textToBytes } from '../env/text.js'
import { logRefusal, plainReply, reasonReply } from '../pages/page.js'
import { asHost } from './as-host.js'
import { notModified, type Range, rangeOf, type Version } from './conditions.js'
import { type FindOptions, findFile } from './find-file.js'
import { listing } from './listing.js'
import { directoryPath } from './options.js'
import { type PathPlace, placeOf, withSlash } from './path.js'
import { type TypeOptions, typeOf, type Withheld } from './private-files.js'
import { judgeFile, programText, startOf, whyWithheld } from './sendable.js'

export interface FilesOptions extends FindOptions, TypeOptions {
  /** Index files of a directory; the first one that exists is used. Default `index.html`. */
  readonly index?: readonly string[]
  /**
   * Value of Cache-Control. Default `no-cache`: the client always asks, and gets 304 when nothing changed.
   */
  readonly cacheControl?: string
  /**
   * Answer a request for a directory without an index file with a page that lists its files; in development
   * also the files that are withheld, and why. Default: only for clients that may see development pages
   * (`development`).
   */
  readonly list?: boolean
  /**
   * Pages say why a file is withheld, and where it is on disk. Default: over HTTP, for requests from this
   * machine unless NODE_ENV is `production`; behind a gateway only with NODE_ENV=development.
   */
  readonly development?: boolean
}

/** Options for files in a directory of scripts. */
export interface SendFileOptions extends FilesOptions {
  /** How to make a file run, for the message. */
  readonly toRun?: string
}

const pieceBytes = 64 * 1024

/**
 * Serves the files of a directory: GET and HEAD, ETag, Last-Modified, 304, single ranges. Not found (404):
 * hidden files, `node_modules` and similar directories, anything outside the directory. Forbidden (403), with
 * the reason on stderr: files whose extension is not in the table of types (src/host/types.ts, and the option
 * `types`), such as programs, copies, databases and keys; files that begin like a script; the app of this
 * process, the scripts it serves, and the files they import.
 *
 * @throws UsageError USAGE when the directory does not exist
 */
export function files(directory: string, options: FilesOptions = {}): Handler {
  const root = directoryPath(directory)
  return asHost((exchange) => {
    const place = placeOf(exchange)
    if ('refused' in place) return plainReply(400)
    const file = fileAt(root, place, exchange, options)
    return typeof file === 'string' ? sendFile(file, root, exchange, options) : file
  })
}

/**
 * Answers with a file that was found.
 *
 * @param root real path of the served directory
 */
export function sendFile(
  file: string,
  root: string,
  exchange: Exchange,
  options: SendFileOptions,
): Reply | Promise<Reply> {
  const why = whyWithheld(file, root, options)
  if (why !== null) return refuse(file, why, exchange, options)
  const method = exchange.env.get('REQUEST_METHOD')
  if (method !== 'GET' && method !== 'HEAD') return plainReply(405, ['Allow', 'GET, HEAD'])
  return send(file, exchange, options)
}

function refuse(file: string, withheld: Withheld, exchange: Exchange, options: SendFileOptions): Reply {
  const { why, fix, isProgram } = withheld
  const run = isProgram ? options.toRun : undefined
  const text = [`${file} is withheld: ${why}.`, run, fix].filter(Boolean).join(' ')
  logRefusal(exchange, 403, text)
  return showsDevelopment(exchange, options.development) ? reasonReply(403, text) : plainReply(403)
}

function fileAt(root: string, place: PathPlace, exchange: Exchange, options: FilesOptions): string | Reply {
  const found = findFile(root, place.segments, options)
  // Nothing exists below a file, so even a trailing slash is 404.
  if (found.kind === 'file') return found.depth === place.segments.length ? found.file : plainReply(404)
  if (found.kind === 'none') return plainReply(404)
  if (place.segments.at(-1) !== '') return withSlash(exchange, place)
  for (const name of options.index ?? ['index.html']) {
    const index = findFile(root, [...place.segments, textToBytes(name)], options)
    if (index.kind === 'file') return index.file
  }
  const development = showsDevelopment(exchange, options.development)
  if (!(options.list ?? development)) return plainReply(404)
  return listing(root, place, options, (file) => judgeFile(file, root, options), development)
}

async function send(file: string, exchange: Exchange, options: SendFileOptions): Promise<Reply> {
  const handle = await open(file, 'r').catch((error) => {
    const short = shortage(error, `${file} could not be opened`)
    if (short) throw short
    return null
  })
  if (!handle) {
    logRefusal(exchange, 403, `${file} cannot be read.`)
    return plainReply(403)
  }
  let keep = false
  try {
    const stats = await handle.stat()
    const why = programText(stats.mode, startOf(handle.fd), file, options)
    if (why !== null) return refuse(file, { why, isProgram: true }, exchange, options)
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

/** The status and fields, and which part of the file becomes the body. */
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
  const headers = [
    'Content-Type',
    typeOf(basename(file), options),
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
