/** The message for a file on the command line that does not exist. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { nearest } from '../core/did-you-mean.js'

/**
 * Says where the file was looked for, and suggests the nearest name there.
 *
 * @param what such as `file`
 * @returns one or two sentences
 */
export function missingFile(file: string, what: string): string {
  const directory = dirname(resolve(file))
  if (!existsSync(directory)) return `There is no ${what} ${file}: the directory ${directory} does not exist.`
  const near = nearest(basename(file), namesIn(directory))
  const hint = near === undefined ? '' : ` Did you mean ${file.slice(0, -basename(file).length)}${near}?`
  return `There is no ${what} ${basename(file)} in ${directory}.${hint}`
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return [] // Not readable: no suggestion.
  }
}
