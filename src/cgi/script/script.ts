/** A script started for one request (RFC 3875, the server's side): an Exchange in, a Reply out. */

import { dirname } from 'node:path'
import { ProgramError, shortage } from '../../core/errors.js'
import type { Exchange, HeaderList, Reply } from '../../core/exchange.js'
import { scriptLimits } from '../../core/limits/scripts.js'
import { scriptEnv } from '../../env/script-env.js'
import { textToBytes } from '../../env/text.js'
import type { Spool } from '../../serve/spool.js'
import type { ProgramHead } from '../codec/head-lines.js'
import { HeadParser } from '../codec/head-parser.js'
import { isNullBodyStatus } from '../codec/status.js'
import { ScriptBody } from './body.js'
import { launch } from './environment.js'
import { isProgram } from './error.js'
import { spoolBody } from './input.js'
import type { Leave, ScriptPlaces } from './places.js'
import { ScriptRun } from './run.js'
import type { Script, ScriptOptions } from './types.js'

const defaultInherit = ['PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'TZ', 'SystemRoot']

/**
 * Runs a script for one request. Resolves when its head is complete; the body follows as it is written.
 *
 * @param places where it waits for a slot; without them it runs immediately
 * @throws ScriptError (502, 504) if the script produced no usable head
 * @throws RequestError if the body is too large, the client disconnected, or no slot became free (503)
 * @throws SystemError (503) if the machine lacks the resources to run it
 */
export async function runScript(
  exchange: Exchange,
  script: Script,
  options: ScriptOptions = {},
  places: ScriptPlaces | null = null,
): Promise<Reply> {
  const { stdin } = exchange
  let spool: Spool | null = null
  let leave: Leave | undefined
  try {
    spool = stdin.length === null ? await spoolBody(stdin, options) : null
    // A client that sends a body of unknown length slowly does not occupy a slot meanwhile.
    leave = await places?.take(exchange.signal)
    const list = environment(exchange, script, options, spool ? spool.size : stdin.length)
    const run = await start(exchange, script, list, spool, options)
    // From here on, the run owns the spool and the slot.
    spool = null
    if (leave) void run.finished.then(leave)
    leave = undefined
    const { head, raw, rest } = await readHead(run, script, exchange, options)
    return await answer(run, head, raw, rest, exchange, options)
  } catch (error) {
    leave?.()
    await spool?.close()
    stdin.cancel()
    throw shortage(error, `${script.file} could not be run`) ?? error
  }
}

function environment(
  exchange: Exchange,
  script: Script,
  options: ScriptOptions,
  length: number | null,
): string[] {
  const extra: Record<string, string> = Object.create(null)
  for (const name of options.inherit ?? defaultInherit) {
    const value = process.env[name]
    if (value !== undefined) extra[name] = textToBytes(value)
  }
  for (const [name, value] of Object.entries(options.env ?? {})) extra[name] = textToBytes(value)
  return scriptEnv(exchange.env, {
    scriptName: script.scriptName,
    pathInfo: script.pathInfo,
    scriptFilename: textToBytes(script.file),
    contentLength: length,
    passAuthorization: options.passAuthorization ?? false,
    extra,
    ...(script.pathTranslated !== undefined && { pathTranslated: script.pathTranslated }),
    ...(script.documentRoot !== undefined && { documentRoot: script.documentRoot }),
  })
}

function start(
  exchange: Exchange,
  script: Script,
  list: string[],
  spool: Spool | null,
  options: ScriptOptions,
): Promise<ScriptRun> {
  const { file, interpreter } = script
  // RFC 3875 4.4 allows passing query words as arguments; none are passed (CVE-2012-1823).
  const command = interpreter ? [...interpreter, ...(script.fileFromEnv ? [] : [file])] : [file]
  const context = { exchange, file, command, list, cwd: dirname(file), spool, options }
  if (!interpreter && !isProgram(file)) {
    throw ScriptRun.notStarted(
      context,
      'it is not a program: its first line must be "#!" and the path of its interpreter',
    )
  }
  return ScriptRun.start(context, launch(command, list))
}

interface FirstOutput {
  head: ProgramHead
  /** Everything up to the end of the chunk that completed the head. */
  raw: Uint8Array[]
  /** The rest of that chunk, after the head. */
  rest: Uint8Array
}

async function readHead(
  run: ScriptRun,
  script: Script,
  exchange: Exchange,
  options: ScriptOptions,
): Promise<FirstOutput> {
  // RFC 3875 5.1 leaves it to the server how it recognizes an NPH script; here by its name, as in Apache.
  const nph = /(^|\/)nph-[^/]*$/.test(script.file)
  const parser = new HeadParser({ nph, maxBytes: options.maxHeadBytes ?? scriptLimits.maxHeadBytes.standard })
  const raw: Uint8Array[] = []
  try {
    for (let piece = await run.take(); piece; piece = await run.take()) {
      raw.push(piece)
      const done = parser.push(piece)
      if (!done) continue
      const { head, rest } = done
      checkHead(head, rest, exchange.env.get('REQUEST_METHOD') === 'HEAD')
      run.headDone()
      return { head, raw, rest }
    }
    await run.verdict()
    return parser.end()
  } catch (error) {
    throw await run.fail(error, raw)
  }
}

/** Rejects what no client must receive, even if the rest is valid. */
function checkHead(head: ProgramHead, rest: Uint8Array, isHead: boolean): void {
  if (head.nph) return
  const { headers } = head
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase()
    const value = headers[i + 1] as string
    // RFC 3875 6.3.4 forbids it; if both the script and the server frame the body, requests and replies can
    // get mixed up (response smuggling).
    if (name === 'transfer-encoding') {
      throw new ProgramError(
        'PROGRAM_HEAD_INVALID',
        `The output has the field "Transfer-Encoding: ${value}"; expected none, because the server frames the reply (RFC 3875 section 6.3.4).`,
      )
    }
    if (name !== 'content-length') continue
    if (!/^\d{1,15}$/.test(value)) {
      throw new ProgramError(
        'PROGRAM_HEAD_INVALID',
        `Content-Length is ${JSON.stringify(value)}; expected a number of bytes.`,
      )
    }
    if (!isHead && !isNullBodyStatus(head.status) && rest.byteLength > Number(value)) {
      throw new ProgramError(
        'PROGRAM_BODY_LENGTH',
        `Content-Length announced ${value} bytes, the body has at least ${rest.byteLength}.`,
      )
    }
  }
}

function answer(
  run: ScriptRun,
  head: ProgramHead,
  raw: Uint8Array[],
  rest: Uint8Array,
  exchange: Exchange,
  options: ScriptOptions,
): Reply | Promise<Reply> {
  const { status, headers } = head
  const base = { status, headers, ...(head.reason !== undefined && { reason: head.reason }) }
  // RFC 3875 5.2: "The server MUST ensure that the script output is sent to the client unmodified".
  if (head.nph) return { ...base, body: new ScriptBody(run, raw, null), verbatim: true }
  if (head.kind === 'local-redirect') {
    run.discardBody()
    if (options.localRedirect) return options.localRedirect(head.location as string, headers)
    throw new ProgramError(
      'PROGRAM_HEAD_INVALID',
      `The script redirects to ${head.location}, which this server cannot serve.`,
    )
  }
  // RFC 3875 4.3.3: the body of a reply to HEAD is discarded; RFC 3875 6.2.3: a client redirect has none.
  const isHead = exchange.env.get('REQUEST_METHOD') === 'HEAD'
  if (isHead || isNullBodyStatus(status) || head.kind === 'client-redirect') {
    run.discardBody()
    return { ...base, body: null }
  }
  return { ...base, body: new ScriptBody(run, rest.byteLength > 0 ? [rest] : [], lengthOf(headers)) }
}

function lengthOf(headers: HeaderList): number | null {
  for (let i = 0; i < headers.length; i += 2) {
    if ((headers[i] as string).toLowerCase() === 'content-length') return Number(headers[i + 1])
  }
  return null
}
