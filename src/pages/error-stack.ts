/**
 * The stack of an error for the development page: separates V8's lines from those of the message, and shows
 * the source at the first line of the app. A client may have written the message, so no file named there is
 * read.
 */
import { readFileSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launchedFile } from '../core/app-file.js'
import { isOwn, loadedFiles, packageOf, realPath } from '../core/loaded-files.js'

export interface Stack {
  /** `at f (file:///app.js:1:2)`, one per line. */
  readonly lines: readonly string[]
  /**
   * True when the lines are certainly V8's: the rest of the stack is exactly the error's name and message.
   */
  readonly isSure: boolean
}

/** The end of a stack line as V8 writes it: a location, or a marker for code without one. */
const frame = /^ {4}at .*(?::\d+:\d+|<anonymous>|native|index \d+|:0x[0-9a-f]+)\)?$/

export function parseStack(error: Error): Stack {
  const stack = typeof error.stack === 'string' ? error.stack : ''
  const rest = stack
    .slice(headLength(stack, String(error.message)))
    .split('\n')
    .slice(1)
  // A message that the app or a client wrote often adds further lines.
  const isSure =
    rest.length > 0 && rest.length <= Error.stackTraceLimit && rest.every((line) => frame.test(line))
  const lines = isSure ? rest : stack.split('\n').filter((line) => /^\s+at /.test(line))
  return { lines: lines.map((line) => line.trim()), isSure }
}

/**
 * Length of `Name: message`, or of the name alone. The whole stack when it begins otherwise: the message was
 * changed, the stack was set, or the name has a line feed.
 */
function headLength(stack: string, message: string): number {
  if (message === '') return /^[\w$.]*(?: \[\w+\])?(?=\n|$)/.exec(stack)?.[0].length ?? stack.length
  for (let at = stack.indexOf(message); at >= 0; at = stack.indexOf(message, at + 1)) {
    const name = stack.slice(0, at)
    if (name.includes('\n')) break
    const end = at + message.length
    if ((name === '' || name.endsWith(': ')) && (stack[end] ?? '\n') === '\n') return end
  }
  return stack.length
}

/** This package's own files, wherever it is installed. */
const here = fileURLToPath(new URL('..', import.meta.url))

/** True for a stack line outside the app: in Node, a package, or cgiup. */
export function isForeign(line: string): boolean {
  return /\bnode:|[/\\]node_modules[/\\]/.test(line) || line.includes(here)
}

export interface Excerpt {
  /** Number of the first line. */
  readonly first: number
  readonly lines: readonly string[]
  /** Number of the line that the stack names. */
  readonly at: number
}

/** The source lines around the error in the app's own code, if this process has loaded that file. */
export function excerptOf({ lines, isSure }: Stack): Excerpt | null {
  const own = isSure ? lines.find((line) => !isForeign(line)) : undefined
  const [, url, number] = /(?:\(|^at (?:async )?)((?:file:\/\/)?\/.*):(\d+):\d+\)?$/.exec(own ?? '') ?? []
  if (url === undefined) return null
  const at = Number(number)
  let source: string[]
  try {
    const path = realpathSync(url.startsWith('file:') ? fileURLToPath(url.replace(/[?#].*$/, '')) : url)
    if (!isLoaded(path)) return null
    source = readFileSync(path, 'utf8').split('\n')
  } catch {
    return null
  }
  const first = Math.max(1, at - 4)
  return { first, lines: source.slice(first - 1, at + 4), at }
}

/** True for code of the app's package that this process has loaded; never for data. */
function isLoaded(path: string): boolean {
  const root = appDirectory()
  return (
    isOwn(path, root) &&
    !/\.(?:json|node)$/.test(path) &&
    loadedFiles(root).some((file) => realPath(file) === path)
  )
}

/** The package directory of the app's file; under another program (a test runner), the working directory. */
function appDirectory(): string {
  const file = launchedFile() ?? process.argv[1]
  const real = file === undefined ? '' : realPath(resolve(file))
  return real === '' || isForeign(real) ? realPath(process.cwd()) : packageOf(real)
}
