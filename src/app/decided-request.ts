/** Decides which request an app gets, and refuses requests that the web server did not intend for the app. */
import { realpathSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { launchedFile } from '../core/app-file.js'
import { RequestError, UsageError } from '../core/errors.js'
import type { Exchange, Handler, Reply } from '../core/exchange.js'
import { type Decision, decide } from '../env/decide.js'
import type { CgiRequest } from '../env/request.js'
import { proxyNote, targetNote } from '../env/target-note.js'
import { bytesToText } from '../env/text.js'
import type { AppOptions } from './types.js'

const modes: readonly unknown[] = [undefined, 'auto', 'request-uri', 'script']

/** @throws RequestError REQUEST_TARGET_REFUSED, REQUEST_DENIED */
export type RequestReader = (exchange: Exchange) => Decision

/**
 * Reads requests as the web server decided to serve them.
 *
 * @param resolvesDots the app resolves dot segments itself
 * @throws UsageError USAGE for an invalid `target`
 */
export function servedRequests({ mount, target }: AppOptions, resolvesDots = false): RequestReader {
  if (!modes.includes(target)) {
    throw new UsageError(
      'USAGE',
      `The option target must be 'auto', 'request-uri' or 'script', not ${JSON.stringify(target)}.`,
    )
  }
  return (exchange) => {
    const { env, stdin, gateway } = exchange
    const decision = decide(env, {
      bodyLength: stdin.length,
      mount,
      target,
      isOwnFile,
      resolvesDots,
      isCgi: gateway.protocol === 'cgi',
      // FastCGI 1.0 section 6.3: an Authorizer gets no SCRIPT_NAME and PATH_INFO.
      isAuthorizer: gateway.role === 'authorizer',
    })
    const { row, refused } = decision
    if (refused !== null) {
      const code = row === 'denied' ? 'REQUEST_DENIED' : 'REQUEST_TARGET_REFUSED'
      throw new RequestError(code, refused.why, { status: refused.status })
    }
    if (!exchange.gateway.runOnce && (row !== 'as-sent' || looks > 0)) note(decision, exchange)
    return decision
  }
}

/**
 * Handlers that are hosts themselves (src/host) resolve dot segments as a web server does, and read the path
 * from the environment: they get an exchange with the variables of the request that is served.
 */
const hostMark = Symbol.for('cgiup.host')

type HostHandler = Handler & { [hostMark]?: (exchange: Exchange, request: CgiRequest) => Exchange }

/** A handler that only gets allowed requests. It may read the environment itself. */
export function guarded(handler: Handler, options: AppOptions): Handler {
  const entry = (handler as HostHandler)[hostMark]
  const served = servedRequests(options, entry !== undefined)
  const guard: HostHandler = (exchange) => {
    const decision = served(exchange)
    const inner = entry === undefined ? exchange : entry(exchange, decision.request)
    return withStatusOf(decision, handler(inner))
  }
  if (entry !== undefined) guard[hostMark] = entry
  return guard
}

/**
 * Guards a handler behind another one that reads paths, such as a mount table: only allowed requests reach
 * it.
 */
export function guardedAround(outer: Handler, inner: Handler): Handler {
  const served = servedRequests({}, hostMark in inner)
  return (exchange) => withStatusOf(served(exchange), outer(exchange))
}

/** A reply of 200 is the body of an error document: it is sent with the status of the error. */
export function withStatusOf({ status }: Decision, reply: Reply | Promise<Reply>): Reply | Promise<Reply> {
  if (status === 0) return reply
  return reply instanceof Promise ? reply.then((it) => withStatus(it, status)) : withStatus(reply, status)
}

function withStatus(reply: Reply, status: number): Reply {
  if (reply.status !== 200 || reply.verbatim) return reply
  const { reason: _, ...rest } = reply
  return { ...rest, status }
}

const noted = new Set<string>()

/** How many requests are checked for a proxy that rewrites paths: it does so from the first request on. */
let looks = 100

/**
 * Logs, once per row, that the choice of the path was a guess (persistent processes; under CGI the lint
 * reports it).
 */
function note({ row, request }: Decision, exchange: Exchange): void {
  if (row === 'as-sent') looks--
  if (noted.has(row)) return
  const text = row === 'as-sent' ? proxyNote(exchange.env) : targetNote(row, request)
  if (text === null) return
  noted.add(row)
  exchange.stderr(`cgiup: ${text}\n`)
}

let own: { file: string; real: string; name: string } | undefined

/** Cache by path: the file behind a path is looked up once. */
const known = new Map<string, boolean>()
const maxKnown = 100

/** @param file a path or a bare file name; one character per byte */
function isOwnFile(file: string): boolean {
  own ??= ownFile()
  if (!file.includes('/')) return bytesToText(file) === own.name
  let answer = known.get(file)
  if (answer === undefined) {
    const text = bytesToText(file)
    answer = text === own.file || realPath(text) === own.real
    // Behind nginx every path that a client asks for would be remembered.
    if (known.size >= maxKnown) known.clear()
    known.set(file, answer)
  }
  return answer
}

function ownFile() {
  // Under `cgiup FILE`, argv[1] is the command and FILE the app.
  const file = launchedFile() ?? process.argv[1] ?? ''
  return { file: file && resolve(file), real: file && realPath(file), name: basename(file) }
}

function realPath(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return file
  }
}
