/** The packages and the Node that scripts in a document root need, readable by the server's user. */

import { cpSync, existsSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Links `cgiup` and the frameworks into a directory; copies them if others may not enter the repository. */
export function providePackages(repository: string, names: readonly string[], modules: string): void {
  mkdirSync(modules)
  if (othersCanEnter(repository)) {
    // Node resolves links, so that dependencies of a package are found next to its real location.
    symlinkSync(repository, join(modules, 'cgiup'))
    for (const name of names) symlinkSync(join(repository, 'node_modules', name), join(modules, name))
    return
  }
  const own = join(modules, 'cgiup')
  for (const part of ['package.json', 'bin', 'dist']) {
    cpSync(join(repository, part), join(own, part), { recursive: true })
  }
  const done = new Set<string>()
  for (const name of [...dependencies(repository), ...names]) copy(repository, name, modules, done)
}

/** Puts Node into a directory of programs, if others may not enter its own directory. */
export function provideNode(programs: string): void {
  if (othersCanEnter(dirname(process.execPath))) return
  const node = join(programs, 'node')
  try {
    linkSync(process.execPath, node)
  } catch {
    cpSync(process.execPath, node) // another file system
  }
}

/** Servers started by root switch to another user, who needs search permission for every parent directory. */
function othersCanEnter(directory: string): boolean {
  if (process.getuid?.() !== 0) return true
  for (let at = directory; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}

/** Copies a package and all its dependencies into one directory, with those that are nested in it. */
function copy(repository: string, name: string, modules: string, done: Set<string>): void {
  const source = join(repository, 'node_modules', name)
  if (done.has(name) || !existsSync(source)) return
  done.add(name)
  cpSync(source, join(modules, name), { recursive: true, dereference: true })
  const nested = join(source, 'node_modules')
  for (const one of dependencies(source)) {
    if (!existsSync(join(nested, one))) copy(repository, one, modules, done)
    else for (const inner of dependencies(join(nested, one))) copy(repository, inner, modules, done)
  }
}

function dependencies(directory: string): string[] {
  const { dependencies = {} } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  return Object.keys(dependencies)
}
