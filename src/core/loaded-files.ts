/** The files of the app's package that this process has loaded. */
import { existsSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export function realPath(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return file
  }
}

/** The directory of the nearest package.json, else that of the file. */
export function packageOf(file: string): string {
  const own = dirname(file)
  for (let dir = own; ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'package.json'))) return dir
    if (dir === dirname(dir)) return own
  }
}

/** Whether a file is below a directory and not in its node_modules. */
export function isOwn(file: string, root: string): boolean {
  const inside = root.endsWith(sep) ? root : root + sep
  return file.startsWith(inside) && !file.slice(inside.length).split(sep).includes('node_modules')
}

/** Node lists CommonJS modules and JSON files; only the debugger interface lists ES modules. */
export function loadedFiles(root: string): string[] {
  const require = createRequire(import.meta.url)
  const files = new Set(Object.keys(require.cache))
  try {
    const { Session } = require('node:inspector') as typeof import('node:inspector')
    const session = new Session()
    session.connect()
    session.on('Debugger.scriptParsed', ({ params: { url } }) => {
      if (url.startsWith('file:')) files.add(fileURLToPath(url.replace(/[?#].*$/, '')))
    })
    session.post('Debugger.enable')
    session.disconnect()
  } catch {
    // Node was built without the inspector, or is not allowed to use it.
  }
  return [...files].filter((file) => isOwn(file, root))
}
