/** Handlers for a directory of scripts and for a single script. */
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { runScript } from '../cgi/script/script.js'
import { showsDevelopment } from '../core/development.js'
import { UsageError } from '../core/errors.js'
import type { Exchange, Handler, Reply } from '../core/exchange.js'
import { namesOf } from '../core/limits/check.js'
import { textToBytes } from '../env/text.js'
import { logRefusal, plainReply, reasonReply } from '../pages/page.js'
import { answering } from '../pages/script-failure.js'
import { asHost } from './as-host.js'
import { routeOf } from './derived-exchange.js'
import { type FilesOptions, type SendFileOptions, sendFile } from './files.js'
import { type FindOptions, findFile } from './find-file.js'
import { type Entry, listing } from './listing.js'
import {
  directoryPath,
  type HostOptions,
  type HostSettings,
  mappedInterpreter,
  runs,
  scriptOptions,
  settings,
} from './options.js'
import { hidesDotSegment, joined, type PathPlace, placeOf, withSlash } from './path.js'
import { noteScript, noteScripts } from './programs.js'
import { redirectLocally } from './redirect.js'
import { judgeFile } from './sendable.js'

export interface CgiBinOptions extends HostOptions, FindOptions {
  /**
   * Answer a request for a directory with a page that lists its scripts. Default: only for clients that may
   * see development pages (`development`).
   */
  readonly list?: boolean
  /**
   * Index files of a directory; the first one that exists is used. Default `index.cgi`, `index` with each
   * extension of `handler`, and with `files` also `index.html`.
   */
  readonly index?: readonly string[]
  /**
   * Send files that are neither executable nor have an interpreter as static files, for example beside PHP
   * pages. The rules are those of {@link files}. Default false: such files are 403.
   */
  readonly files?: boolean | FilesOptions
}

/** script() accepts these too and ignores them: both functions get the options of one command line. */
const ownNames = namesOf<Omit<CgiBinOptions, keyof HostOptions>>({
  list: true,
  index: true,
  files: true,
  followSymlinks: true,
})

/**
 * Runs the scripts of a directory, in any language. The script is the first regular file along the path; the
 * rest of the path is its PATH_INFO (RFC 3875 section 3.3).
 *
 * Not found (404): hidden files, `node_modules` and similar directories, encoded slashes, anything outside
 * the directory. Forbidden (403), with the reason on stderr: files without execute permission and without an
 * interpreter. The content of a script is never sent.
 *
 * @throws UsageError USAGE when the directory does not exist
 */
export function cgiBin(directory: string, options: CgiBinOptions = {}): Handler {
  const root = directoryPath(directory)
  const set = settings('cgiBin()', options, root, ownNames)
  noteScripts(root, set.interpreters, Boolean(options.files))
  const statics = filesOptions(options)
  const indexes = options.index ?? ['index.cgi', ...indexNames(set), ...(statics ? ['index.html'] : [])]
  const answerFile = (file: string, depth: number, place: PathPlace, exchange: Exchange, index?: string) => {
    const isPlain = statics !== null && depth === place.segments.length && !runs(file, set.interpreters)
    return isPlain
      ? sendFile(file, root, exchange, statics)
      : runAt(file, depth, place, exchange, set, handler, index)
  }
  const judge = (file: string): Entry => {
    if (runs(file, set.interpreters)) return { kind: 'script' }
    return statics ? judgeFile(file, root, statics) : { kind: 'withheld', why: notExecutable }
  }
  const handle: Handler = (exchange) => {
    const place = placeOf(exchange)
    if ('refused' in place) return refuse(400, `${place.refused}.`, exchange, set)
    const found = findFile(root, place.segments, options)
    if (found.kind === 'none') return refuse(404, `${found.why}.`, exchange, set)
    if (found.kind === 'file') return answerFile(found.file, found.depth, place, exchange)
    if (place.segments.at(-1) !== '') return withSlash(exchange, place)
    for (const name of indexes) {
      const index = findFile(root, [...place.segments, textToBytes(name)], options)
      if (index.kind === 'file') return answerFile(index.file, place.segments.length, place, exchange, name)
    }
    const shown = showsDevelopment(exchange, set.development)
    if (options.list ?? shown) return listing(root, place, options, judge, shown)
    return refuse(404, `${found.path} is a directory.`, exchange, set)
  }
  const handler = asHost((exchange) => answering(handle, exchange, set.development))
  return handler
}

/**
 * Runs one script for every path: the whole path below the mount point is its PATH_INFO.
 *
 * @throws UsageError USAGE when the script does not exist
 */
export function script(path: string, options: HostOptions = {}): Handler {
  const file = directoryPath(path)
  if (!statSync(file).isFile())
    throw new UsageError('USAGE', `${file} is not a file; cgiBin() serves directories.`)
  noteScript(file)
  const set = settings('script()', options, dirname(file), ownNames)
  const handle: Handler = (exchange) => {
    const place = placeOf(exchange)
    if ('refused' in place) return refuse(400, `${place.refused}.`, exchange, set)
    return runAt(file, 0, place, exchange, set, handler)
  }
  const handler = asHost((exchange) => answering(handle, exchange, set.development))
  return handler
}

/** How to make a file of a script directory run. */
const makeRun = 'use chmod +x, or set an interpreter for its extension (--handler)'
const notExecutable = `not executable: ${makeRun}`

function runAt(
  file: string,
  depth: number,
  place: PathPlace,
  exchange: Exchange,
  set: HostSettings,
  self: Handler,
  index?: string,
): Reply | Promise<Reply> {
  const rest = place.segments.slice(depth)
  // A script that splits PATH_INFO at slashes must not follow a hidden dot segment out of its directory.
  if (hidesDotSegment(rest))
    return refuse(404, 'The path hides a dot segment behind an encoded slash.', exchange, set)
  const run = mappedInterpreter(file, set.interpreters)
  if (!run && !runs(file, set.interpreters)) {
    return refuse(403, `${file} is ${notExecutable}.`, exchange, set)
  }
  const way = place.segments.slice(0, depth).filter((segment) => segment !== '')
  const pathInfo = joined(rest)
  const route = routeOf(exchange, self)
  return runScript(
    exchange,
    {
      ...run,
      file,
      scriptName: place.mount + joined(index === undefined ? way : [...way, index]),
      pathInfo,
      documentRoot: textToBytes(set.documentRoot),
      ...(pathInfo !== '' && { pathTranslated: textToBytes(set.documentRoot) + pathInfo }),
    },
    {
      ...scriptOptions(set, exchange),
      localRedirect: (location, headers) => redirectLocally(location, headers, route),
    },
    set.places,
  )
}

/**
 * Logs the reason; the development page shows it too. In production it stays off the page, because it names
 * files and paths.
 */
function refuse(status: number, why: string, exchange: Exchange, { development }: HostSettings): Reply {
  logRefusal(exchange, status, why)
  return showsDevelopment(exchange, development) ? reasonReply(status, why) : plainReply(status)
}

/** Options for sending files that are not run; null when they are not sent. */
function filesOptions({ files, development, followSymlinks }: CgiBinOptions): SendFileOptions | null {
  if (!files) return null
  const shared = {
    toRun: `To run it, ${makeRun}.`,
    ...(development !== undefined && { development }),
    ...(followSymlinks !== undefined && { followSymlinks }),
  }
  return files === true ? shared : { ...shared, ...files }
}

function indexNames(set: HostSettings): string[] {
  return Array.from(set.interpreters.keys(), (extension) => `index${extension}`)
}
