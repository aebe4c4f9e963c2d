/** What a JavaScript file imports, told from its text: nothing is run, and no loader is asked. */
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { shortage } from '../core/errors.js'
import { namedByPackage } from './package-imports.js'

/** Files that one program may lead to; the rest is not followed. */
const mostFiles = 5000
/** Larger files are made by bundlers and import nothing of the site. */
const mostBytes = 4 << 20

/** `from './x'`, `import './x'`, `import('./x')`, `require('./x')`, `new Worker(new URL('./x', …))`; a comment may precede. */
const specifier =
  /(?:\bfrom|\bimport|\b(?:import|require(?:\.resolve)?)\s*\(|\bWorker\s*\(\s*(?:new\s+URL\s*\()?)\s*(?:\/\*[^*]{0,200}\*\/\s*)?(["'`])((?:\.{1,2}(?:\/[^"'`\n]*)?)|\/[^"'`\n]+|#[^"'`\n]+|file:[^"'`\n]+)\1/g

/** What may be left out in `require('./x')`, or stands for a file that is compiled (`./x.js` for `x.ts`). */
const endings = ['', '.js', '.json', '.node', '.mjs', '.cjs', '.ts', '/index.js', '/index.json']

interface Known {
  readonly version: string
  readonly specifiers: readonly string[]
}

/** Files read before, with what they import: a request reads those that have changed again. */
const known = new Map<string, Known>()

/**
 * Adds a program and all files it imports by a relative or absolute path, and what those import, to a set. Files
 * in `node_modules` are not followed.
 *
 * @param entry absolute real path
 */
export function addImports(entry: string, found: Set<string>): void {
  const waiting = [entry]
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (found.has(file) || found.size >= mostFiles) continue
    found.add(file)
    for (const name of specifiersOf(file)) {
      for (const path of name.startsWith('#') ? namedByPackage(name, file) : [name]) {
        const target = resolved(path, file)
        if (target !== null && !/[\\/]node_modules[\\/]/.test(target)) waiting.push(target)
      }
    }
  }
}

function specifiersOf(file: string): readonly string[] {
  try {
    const { mtimeMs, size, ino } = statSync(file)
    const version = `${mtimeMs} ${size} ${ino}`
    const before = known.get(file)
    if (before?.version === version) return before.specifiers
    const text = size > mostBytes ? '' : readFileSync(file, 'utf8')
    const specifiers = Array.from(text.matchAll(specifier), (match) => match[2] as string)
    if (known.size >= mostFiles) known.clear()
    known.set(file, { version, specifiers })
    return specifiers
  } catch (error) {
    // What could not be read for want of descriptors would count as a file that imports nothing.
    const short = shortage(error, `${file} could not be read`)
    if (short) throw short
    return []
  }
}

function resolved(name: string, from: string): string | null {
  try {
    const plain = name.replace(/[?#].*$/s, '')
    return fileNamed(
      plain.startsWith('file:') ? fileURLToPath(plain) : resolve(dirname(from), decoded(plain)),
    )
  } catch {
    return null // An invalid URL or escape.
  }
}

/** The real path of the file that a loader finds under this path; null where there is none. */
export function fileNamed(path: string): string | null {
  for (const ending of endings) {
    try {
      const real = realpathSync.native(path + ending)
      if (statSync(real).isFile()) return real
    } catch {
      // Not this one.
    }
  }
  return null
}

/** ES modules are named by URLs, CommonJS by paths. */
function decoded(text: string): string {
  return text.includes('%') ? decodeURIComponent(text) : text
}
