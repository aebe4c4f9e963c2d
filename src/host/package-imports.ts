/**
 * Names that a package gives its own files, such as `import '#db'`, by the field "imports" of its
 * package.json.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageOf } from '../core/loaded-files.js'

/**
 * All files that such a name can mean under any condition: absolute paths, with `*` filled in.
 *
 * @param name begins with `#`
 * @param file the importing file
 */
export function namedByPackage(name: string, file: string): string[] {
  const root = packageOf(file)
  return Object.entries(importsOf(root)).flatMap(([key, target]) => {
    const [start = '', end] = key.split('*', 2)
    if (end === undefined) return key === name ? paths(target, root, '') : []
    const fits = name.length >= key.length && name.startsWith(start) && name.endsWith(end)
    return fits ? paths(target, root, name.slice(start.length, name.length - end.length)) : []
  })
}

function importsOf(root: string): Record<string, unknown> {
  try {
    const { imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { imports?: unknown }
    return typeof imports === 'object' && imports !== null ? (imports as Record<string, unknown>) : {}
  } catch {
    return {} // No package.json, or none that can be read.
  }
}

/** A target is a path, a list of targets, or targets by condition. Null and package names are not files. */
function paths(target: unknown, root: string, star: string): string[] {
  if (typeof target === 'string')
    return target.startsWith('./') ? [join(root, target.replaceAll('*', star))] : []
  if (typeof target !== 'object' || target === null) return []
  return Object.values(target).flatMap((one) => paths(one, root, star))
}
