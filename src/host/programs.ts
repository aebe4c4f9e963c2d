/**
 * The programs of this process: its app, and the scripts and script directories that it serves. Their source
 * is private, even in a directory of static files and with an extension that browsers load.
 */
import { readdirSync } from 'node:fs'
import { basename, extname, join, sep } from 'node:path'
import { shortage } from '../core/errors.js'
import { isOwn, loadedFiles } from '../core/loaded-files.js'
import { addImports, fileNamed } from './imports.js'
import { type Interpreters, mappedInterpreter, runs } from './options.js'
import { closedDirectory, unwrapped } from './private-files.js'

/** Extensions that a JavaScript program can import. */
const importable = /\.(?:[cm]?[jt]sx?|json|wasm|node)$/i
/** Extensions of files that cannot import JavaScript, so they are not read. */
const foreign = /\.(?:php\d?|phtml|pl|pm|py|rb|sh|bash|lua|tcl|css|html?|png|jpe?g|gif|svg|webp|pdf|zip|gz)$/i

/**
 * Maximum number of names in a directory that are checked for programs; in a larger directory no JavaScript
 * is sent.
 */
const mostNames = 10_000

/** The launch state that `run()` and its launchers share (src/run/launch-state.ts). */
const launchKey = Symbol.for('cgiup.launch')

/** Scripts, by their real paths. */
const scripts = new Set<string>()
/** Directories of scripts, with their interpreters and whether their other files are sent. */
const directories = new Map<string, { readonly interpreters: Interpreters; readonly files: boolean }>()

/** @param file real path of a served script */
export function noteScript(file: string): void {
  scripts.add(file)
}

/**
 * @param directory real path of a served directory of scripts
 * @param files whether its other files are sent as static files
 */
export function noteScripts(directory: string, interpreters: Interpreters, files: boolean): void {
  const before = directories.get(directory)
  directories.set(directory, {
    interpreters: new Map([...(before?.interpreters ?? []), ...interpreters]),
    files: files || (before?.files ?? false),
  })
}

/**
 * Why a file is a program or part of one; null when it is not.
 *
 * @param file its real path
 * @param root real path of the served directory
 */
export function programAt(file: string, root: string): string | null {
  // Its source map and copies too: app.js.map, app.js.gz, app.js.txt.
  const inner = unwrapped(file)
  const bare = extname(inner) === '' ? file : inner
  const own = ownFiles()
  const entries = [...scripts, ...own]
  if (entries.includes(bare)) return 'it is a program that runs here'
  for (const [directory, { interpreters, files }] of directories) {
    if (!isBelow(file, directory)) continue
    if (isBelow(directory, root) && !files) return `${directory} holds scripts`
    if (mappedInterpreter(bare, interpreters)) return 'its extension is used by scripts here'
  }
  if (!importable.test(bare)) return null
  // A directory without a program is public: what an app outside imports from it is shared with browsers.
  const inside = entries.filter((entry) => isBelow(entry, root))
  const scriptsThere = directories.get(root)
  if (scriptsThere !== undefined && !addScripts(root, scriptsThere.interpreters, inside))
    return `${root} has too many files to find its scripts`
  const why = importedBy(inside, bare)
  if (why !== null || !own.some((entry) => isOwn(entry, root))) return why
  return isLoaded(bare, root) ? 'the app of this process has loaded it' : null
}

/** How long the list of loaded files is reused, in milliseconds: collecting it takes about 14. */
const lookMs = 1000

/** By directory: real paths of this process's files, and when they were collected. */
const loaded = new Map<string, { readonly files: ReadonlySet<string>; readonly at: number }>()

/** True when this process has loaded a file under any name: `#db`, a computed path, `node --import`. */
function isLoaded(file: string, root: string): boolean {
  let found = loaded.get(root)
  if (found === undefined || (!found.files.has(file) && performance.now() - found.at > lookMs)) {
    found = {
      files: new Set(loadedFiles(root).flatMap((one) => fileNamed(one) ?? [])),
      at: performance.now(),
    }
    loaded.set(root, found)
  }
  return found.files.has(file)
}

function importedBy(entries: readonly string[], file: string): string | null {
  const found = new Set<string>()
  for (const entry of entries) {
    addImports(entry, found)
    if (found.has(file)) return `${basename(entry)} imports it`
  }
  return null
}

/** The file that started this process, and the app that a launcher runs. */
function ownFiles(): string[] {
  const launch = (globalThis as { [launchKey]?: { readonly file?: string } })[launchKey]
  return [launch?.file, process.argv[1]].flatMap((file) => {
    const real = file === undefined ? null : fileNamed(file)
    return real === null ? [] : [real]
  })
}

/** Adds the scripts below a directory; false when there are too many files. */
function addScripts(directory: string, interpreters: Interpreters, found: string[]): boolean {
  const waiting = [directory]
  let count = 0
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const entry of entriesOf(at)) {
      if (++count > mostNames) return false
      const path = join(at, entry.name)
      if (closedDirectory(entry.name) !== null) continue
      if (entry.isDirectory()) waiting.push(path)
      else if (entry.isFile() && !foreign.test(extname(entry.name)) && runs(path, interpreters))
        found.push(path)
    }
  }
  return true
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch (error) {
    const short = shortage(error, `${directory} could not be read`)
    if (short) throw short
    return []
  }
}

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(directory.endsWith(sep) ? directory : directory + sep)
}
