/**
 * Descriptor 1 of a CGI script is the wire (RFC 3875 section 6): what the app prints goes to stderr,
 * and `process.exit()` waits for the reply. To be done before the app is loaded.
 */
import { writeSync } from 'node:fs'
import { isNph } from '../codec/check.js'
import { logLine } from '../codec/error-text.js'

/** What this process knows of its stdio; one for all copies of the package that it loads. */
export interface TakenStdio {
  /** `process.exit` as it was. */
  readonly exit: (code?: number | string | null) => never
  /** Something was written on fd 1. */
  written: boolean
  /** The app called `process.exit()` while a reply is owed; null when none is. */
  exiting: (() => void) | null
  /** The process ends, whatever the reason: the last, synchronous chance. */
  ending: ((code: number) => void) | null
  /** An exception is on its way through the app's own listeners. */
  unwinding: boolean
}

const key = Symbol.for('cgiup.stdio')
const exitMark: unique symbol = Symbol.for('cgiup.ProcessExit') as never

/**
 * Takes fd 1 from the app. `console.log` and `process.stdout` write to stderr from now on, HTTP_PROXY
 * leaves `process.env`, and `process.exit()` no longer cuts a reply. May be called again.
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
  // httpoxy, CVE-2016-5385: the client's Proxy header, and HTTP libraries believe it.
  delete process.env.HTTP_PROXY
  return stdio
}

/** `console.log` and `process.stdout` write to stderr from now on: a server has no use for fd 1. */
export function printToStderr(): void {
  Object.defineProperty(process, 'stdout', {
    configurable: true,
    enumerable: true,
    get: () => process.stderr,
  })
}

/**
 * `process.exit()` never comes back to the app: it ends the process, or, while a reply is owed, throws
 * this. The reply is then delivered as far as the app has written it.
 */
export class ProcessExit extends Error {
  readonly [exitMark] = true
  override readonly name = 'ProcessExit'
  /** One line: frameworks log what they catch, and nothing is wrong. */
  override readonly stack = `${this.name}: ${this.message}`
}

export function isProcessExit(error: unknown): boolean {
  return typeof error === 'object' && error !== null && exitMark in error
}

function guardedExit(stdio: TakenStdio, code: Parameters<typeof process.exit>[0]): never {
  if (stdio.exiting === null) return stdio.exit(code)
  if (code !== undefined) process.exitCode = code as number
  stdio.exiting()
  // In a listener for uncaught exceptions: an exception from there would end the process on the spot.
  if (stdio.unwinding) return undefined as never
  throw new ProcessExit(`process.exit(${code ?? ''}) was called; the reply is sent first`)
}

/** Enough of it, where the child has not read it. */
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

/** A plain page, at once, where everything else has failed. */
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
    // Nobody reads it.
  }
}

/**
 * Diagnostics are never worth more than the reply: what cannot be written is lost.
 *
 * @param last the process ends with this turn: what a stream would write later is lost
 */
export function writeStderr(text: string, last = false): void {
  // A line of the app's is half written: ours comes behind it, not into it.
  if (!last && process.getActiveResourcesInfo().some((name) => name.endsWith('WriteWrap'))) {
    process.stderr.write(text)
    return
  }
  const bytes = Buffer.from(text)
  let at = 0
  try {
    while (at < bytes.length) at += writeSync(2, bytes, at)
  } catch (error) {
    // The pipe is full, and non-blocking as the app has opened process.stderr: that waits for the reader.
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') process.stderr.write(bytes.subarray(at))
  }
}
