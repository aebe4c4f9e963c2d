/** How a file is started as a CGI script. */
import { accessSync, closeSync, constants, openSync, readSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../../../bin/cgiup.js', import.meta.url))
const appExtensions = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts']

/**
 * The interpreter of a script or an app file; undefined for a program that is executed directly. A
 * `#!/usr/bin/env cgiup` line, and a JavaScript file that is not executable, select this package, which need
 * not be on the PATH.
 */
export function interpreterOf(file: string): readonly string[] | undefined {
  const first = firstLine(file)
  if (/^#!.*[/\s]cgiup(\s|$)/.test(first)) return [process.execPath, bin]
  if (appExtensions.includes(extname(file)) && !isExecutable(file)) return [process.execPath, bin]
  return undefined
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function firstLine(file: string): string {
  const buffer = Buffer.alloc(256)
  const descriptor = openSync(file, 'r')
  try {
    return buffer.toString('latin1', 0, readSync(descriptor, buffer)).split('\n', 1)[0] as string
  } finally {
    closeSync(descriptor)
  }
}
