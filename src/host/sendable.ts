/**
 * Whether a file of a directory may be sent: by its name, its first bytes, and the programs of this process.
 */
import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs'
import { basename } from 'node:path'
import type { Entry } from './listing.js'
import { givenType, type TypeOptions, type Withheld, withheldName } from './private-files.js'
import { programAt } from './programs.js'

/** Why a file is not sent, by its name and the programs of this process; null when it may be. */
export function whyWithheld(file: string, root: string, options: TypeOptions): Withheld | null {
  // A link with a harmless name may lead to any file of the directory.
  const real = realPath(file)
  if (real === null) return { why: 'it cannot be reached' }
  if (basename(real).startsWith('.')) return { why: 'it is a link to a hidden file' }
  const byName = withheldName(basename(file), options) ?? withheldName(basename(real), options)
  if (byName !== null) return byName
  const program = programAt(real, root)
  return program === null ? null : { why: program }
}

/** How a file is shown in the list of a directory. */
export function judgeFile(file: string, root: string, options: TypeOptions): Entry {
  const withheld = whyWithheld(file, root, options)
  if (withheld !== null) return { kind: 'withheld', why: withheld.why }
  try {
    const fd = openSync(file, 'r')
    try {
      const why = programText(fstatSync(fd).mode, startOf(fd), file, options)
      return why === null ? { kind: 'file' } : { kind: 'withheld', why }
    } finally {
      closeSync(fd)
    }
  } catch {
    return { kind: 'withheld', why: 'it cannot be read' }
  }
}

function realPath(file: string): string | null {
  try {
    return realpathSync.native(file)
  } catch {
    return null
  }
}

/** The first bytes of a file, without a byte order mark. The system usually has them cached. */
export function startOf(fd: number): string {
  const buffer = Buffer.alloc(64)
  return buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0)).replace(/^\xef\xbb\xbf/, '')
}

/** Why a file holds a program, by its first bytes, whatever its name and permissions. */
export function programText(mode: number, start: string, file: string, options: TypeOptions): string | null {
  const isScript = start.startsWith('#!')
  if (!isScript && !/^\s*<\?(?:php\b|=)/i.test(start)) return null
  // A file with a configured type is meant to be read, unless it is executable.
  if ((mode & 0o111) === 0 && givenType(basename(file), options) !== undefined) return null
  return isScript ? 'it is a script (#!); cgiBin() runs it' : 'it is a PHP page'
}
