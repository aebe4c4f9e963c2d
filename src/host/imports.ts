/** Finds what a JavaScript file imports from its text: no code runs, and no loader is used. */
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { shortage } from '../core/errors.js'
import { namedByPackage } from './package-imports.js'

/** Maximum number of files that are followed from one program. */
const mostFiles = 5000
/** Larger files are bundles, which import no other file of the site. */
const mostBytes = 4 << 20

/** `from './x'`, `import './x'`, `import('./x')`, `require('./x')`, `new Worker(new URL('./x', …))`; a comment may precede. */
const specifier =
  /(?:\bfrom|\bimport|\b(?:import|require(?:\.resolve)?)\s*\(|\bWorker\s*\(\s*(?:new\s+URL\s*\()?)\s*(?:\/\*[^*]{0,200}\*\/\s*)?(["'`])((?:\.{1,2}(?:\/[^"'`\n]*)?)|\/[^"'`\n]+|#[^"'`\n]+|file:[^"'`\n]+)\1/g

/**
 * Endings that `require('./x')` may omit, or that replace the one in a compiled import (`./x.js` for `x.ts`).
 */
const endings = ['', '.js', '.json', '.node', '.mjs', '.cjs', '.ts', '/index.js', '/index.json']

interface Known {
  readonly version: string
  readonly specifiers: readonly string[]
}

/** Files read before, with their imports. A request reads only changed files again. */
const known = new Map<string, Known>()

/**
 * Adds a program to a set, and all files that it imports by a relative or absolute path, recursively. Files
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
    // A file that could not be read for lack of descriptors would count as one without imports.
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

/** The real path of the file that a loader finds for this path; null when there is none. */
export function fileNamed(path: string): string | null {
  for (const ending of endings) {
    try {
      const real = realpathSync.native(path + ending)
      if (statSync(real).isFile()) return real
    } catch {
      // Try the next ending.
    }
  }
  return null
}

/** ES modules are named by URL, CommonJS modules by path. */
function decoded(text: string): string {
  return text.includes('%') ? decodeURIComponent(text) : text
}
