/** Maps a resolved URL path to a file below a directory. */
import { realpathSync, type Stats, statSync } from 'node:fs'
import { basename, join, sep } from 'node:path'
import { bytesToText, textToBytes } from '../env/text.js'
import { closedDirectory } from './private-files.js'

export type Found =
  | { readonly kind: 'file'; readonly file: string; readonly stats: Stats; readonly depth: number }
  | { readonly kind: 'directory'; readonly path: string; readonly depth: number }
  | { readonly kind: 'none'; readonly why: string }

export interface FindOptions {
  /** Allow symbolic links that lead out of the directory. Default false. */
  readonly followSymlinks?: boolean
}

/**
 * Walks down from a directory along the segments to the first file. Hidden names, `node_modules` and similar
 * directories, encoded slashes (CVE-2014-4650) and links that lead outside are not found.
 *
 * @param root absolute real path.
 */
export function findFile(root: string, segments: readonly string[], options: FindOptions = {}): Found {
  let path = root
  let depth = 0
  for (; depth < segments.length; depth++) {
    const segment = segments[depth] as string
    if (segment === '') continue
    const name = nameOf(segment)
    if (name === null) return none('a name that cannot be a file name')
    const closed = closedDirectory(name)
    if (closed !== null) return none(closed)
    path = join(path, name)
    const stats = stat(path)
    if (!stats) return none(`${path} does not exist`)
    const wrong = outside(root, path, name, options)
    if (wrong) return none(wrong)
    if (stats.isFile()) return { kind: 'file', file: path, stats, depth: depth + 1 }
    if (!stats.isDirectory()) return none(`${path} is not a regular file`)
  }
  return { kind: 'directory', path, depth }
}

function none(why: string): Found {
  return { kind: 'none', why }
}

/** File names on disk are read as UTF-8; other bytes cannot match a listed name. */
function nameOf(segment: string): string | null {
  if (segment.includes('/') || (sep === '\\' && /[\\:]/.test(segment))) return null
  const text = bytesToText(segment)
  return textToBytes(text) === segment ? text : null
}

function stat(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null
  } catch {
    return null // ENAMETOOLONG, EACCES, ELOOP
  }
}

/**
 * Compares real paths, after resolving links (CVE-2011-1015); names must match exactly, also when the file
 * system ignores case.
 */
function outside(root: string, path: string, name: string, options: FindOptions): string | null {
  let real: string
  try {
    real = realpathSync.native(path)
  } catch {
    return `${path} cannot be reached`
  }
  if (real === path) return null
  if (real.toLowerCase() === path.toLowerCase() && basename(real) !== name)
    return `${path} is spelled ${real} on disk`
  if (options.followSymlinks || real === root || real.startsWith(root.endsWith(sep) ? root : root + sep))
    return null
  return `${path} is a symbolic link that leaves ${root} (followSymlinks allows it)`
}
