/** Errors of a script, with everything that helps its author. */
import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { type ErrorCode, ProgramError } from '../../core/errors.js'
import type { Exit } from './process.js'

/** What was observed of the script, without secrets; for its author, never for a client in production. */
export interface ScriptReport {
  readonly file: string
  /** The first bytes of the script's standard output, as Latin-1. */
  readonly output: string
  /** The end of the script's standard error. */
  readonly stderr: string
  /** How the script ended, in words. */
  readonly exit: string
  /** A command line that runs it by hand with the same environment; secrets are shell variables. */
  readonly command: string
}

export class ScriptError extends ProgramError {
  readonly report: ScriptReport

  constructor(code: ErrorCode, detail: string, report: ScriptReport, options?: ErrorOptions) {
    super(code, detail, options)
    this.report = report
  }
}

export function exitText(exit: Exit | null): string {
  if (!exit) return 'was still running'
  if (exit.signal) return `was killed by ${exit.signal}`
  return exit.code === null ? 'was not started' : `exited with code ${exit.code}`
}

/** Why the system could not start a script, in words that its author can act on. */
export function startFailure(error: NodeJS.ErrnoException, file: string, command: readonly string[]): string {
  const program = command[0] as string
  if (error.code === 'E2BIG') return 'the request makes the environment larger than the system allows (E2BIG)'
  if (program !== file)
    return `its interpreter ${program} ${error.code === 'ENOENT' ? 'was not found' : `could not be run (${error.code})`}`
  if (!existsSync(file)) return 'the file no longer exists'
  const line = firstLine(file)
  const interpreter = /^#!\s*(\S+)/.exec(line)?.[1]
  if (line.endsWith('\r')) {
    return `its first line ${JSON.stringify(line)} ends with a carriage return: save the file with Unix line endings`
  }
  if (interpreter && !existsSync(interpreter))
    return `the interpreter of its first line, ${interpreter}, does not exist`
  if (error.code === 'EACCES') return `no permission to execute it: chmod +x ${file}`
  return `${error.code ?? error.message}`
}

/** Executable formats, by their first bytes: `#!`, ELF, Mach-O (both byte orders, 32 and 64 bit, fat). */
const magics = ['2321', '7f454c46', 'feedface', 'feedfacf', 'cefaedfe', 'cffaedfe', 'cafebabe', '4d5a']

/**
 * A file that is neither a script with a first line `#!` nor a binary would be run by /bin/sh (as execvp
 * does), whatever its contents.
 */
export function isProgram(file: string): boolean {
  const start = Buffer.alloc(4)
  const fd = openSync(file, 'r')
  try {
    readSync(fd, start, 0, 4, 0)
  } finally {
    closeSync(fd)
  }
  const hex = start.toString('hex')
  return magics.some((magic) => hex.startsWith(magic))
}

function firstLine(file: string): string {
  try {
    const buffer = Buffer.alloc(256)
    const fd = openSync(file, 'r')
    try {
      const length = readSync(fd, buffer, 0, buffer.length, 0)
      return buffer.toString('latin1', 0, length).split('\n', 1)[0] as string
    } finally {
      closeSync(fd)
    }
  } catch {
    return ''
  }
}
