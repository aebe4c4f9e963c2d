/**
 * Descriptor 1 of a CGI script is the wire (RFC 3875 section 6): output of the app goes to stderr instead,
 * and `process.exit()` waits for the reply. Must be set up before the app is loaded.
 */
import { writeSync } from 'node:fs'
import { isNph } from '../codec/check.js'
import { logLine } from '../codec/error-text.js'

/** What this process knows about its stdio; shared by all copies of the package that it loads. */
export interface TakenStdio {
  /** The original `process.exit`. */
  readonly exit: (code?: number | string | null) => never
  /** Something was written to fd 1. */
  written: boolean
  /** Handles a `process.exit()` of the app while a reply is pending; null if none is. */
  exiting: (() => void) | null
  /** Called when the process ends for any reason: the last, synchronous chance. */
  ending: ((code: number) => void) | null
  /** An exception is being passed to the app's own listeners. */
  unwinding: boolean
}

const key = Symbol.for('cgiup.stdio')
const exitMark: unique symbol = Symbol.for('cgiup.ProcessExit') as never

/**
 * Takes fd 1 away from the app. From now on `console.log` and `process.stdout` write to stderr, HTTP_PROXY is
 * removed from `process.env`, and `process.exit()` no longer cuts off a reply. May be called again.
 */
export function takeStdout(): TakenStdio {
  const holder = globalThis as { [key]?: TakenStdio }
  const before = holder[key]
  if (before) return before
  const exit = process.exit.bind(process) as TakenStdio['exit']
  const stdio: TakenStdio = { exit, written: false, exiting: null, ending: null, unwinding: false }
  holder[key] = stdio

  printToStderr()
  process.exit = (code) => guardedExit(stdio, code)
  process.on('exit', (code) => lastChance(stdio, code))
  // httpoxy, CVE-2016-5385: it is the client's Proxy header, and HTTP libraries trust it.
  delete process.env.HTTP_PROXY
  return stdio
}

/** Makes `console.log` and `process.stdout` write to stderr from now on: a server has no use for fd 1. */
export function printToStderr(): void {
  Object.defineProperty(process, 'stdout', {
    configurable: true,
    enumerable: true,
    get: () => process.stderr,
  })
}

/**
 * `process.exit()` never returns to the app: it ends the process or, while a reply is pending, throws this.
 * The reply is then sent as far as the app has written it.
 */
export class ProcessExit extends Error {
  readonly [exitMark] = true
  override readonly name = 'ProcessExit'
  /** One line: frameworks log exceptions that they catch, but nothing is wrong here. */
  override readonly stack = `${this.name}: ${this.message}`
}

export function isProcessExit(error: unknown): boolean {
  return typeof error === 'object' && error !== null && exitMark in error
}

function guardedExit(stdio: TakenStdio, code: Parameters<typeof process.exit>[0]): never {
  if (stdio.exiting === null) return stdio.exit(code)
  if (code !== undefined) process.exitCode = code as number
  stdio.exiting()
  // In a listener for uncaught exceptions, throwing would end the process immediately.
  if (stdio.unwinding) return undefined as never
  throw new ProcessExit(`process.exit(${code ?? ''}) was called; the reply is sent first`)
}

/** Sufficient for a process that ends before the child has read the environment. */
const environ = { get: (name: string) => process.env[name] }

function lastChance(stdio: TakenStdio, code: number): void {
  if (stdio.ending) stdio.ending(code)
  // RFC 3875 6.1: "The script MUST return a non-empty response", also when it failed to load.
  else if (!stdio.written && code !== 0) {
    writeStderr(
      logLine(environ, `answered with 500: the process ended with code ${code} before it had a reply`),
      true,
    )
    writePage(stdio)
  }
}

/** Writes a plain page, synchronously, after everything else has failed. */
export function writePage(stdio: TakenStdio, nph = isNph(environ)): void {
  const status = nph
    ? 'HTTP/1.1 500 Internal Server Error\r\nConnection: close'
    : 'Status: 500 Internal Server Error'
  const body = process.env.REQUEST_METHOD === 'HEAD' ? '' : '500 Internal Server Error\n'
  stdio.written = true
  try {
    writeSync(
      1,
      `${status}\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n\r\n${body}`,
    )
  } catch {
    // There is no reader.
  }
}

/**
 * Diagnostics are less important than the reply: text that cannot be written is lost.
 *
 * @param last the process ends in this turn: a stream would lose text that it buffers
 */
export function writeStderr(text: string, last = false): void {
  // The app has a half-written line: our line must come after it, not inside it.
  if (!last && process.getActiveResourcesInfo().some((name) => name.endsWith('WriteWrap'))) {
    process.stderr.write(text)
    return
  }
  const bytes = Buffer.from(text)
  let at = 0
  try {
    while (at < bytes.length) at += writeSync(2, bytes, at)
  } catch (error) {
    // The pipe is full, and non-blocking because the app opened process.stderr, which waits for the reader.
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') process.stderr.write(bytes.subarray(at))
  }
}
