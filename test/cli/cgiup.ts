/** The command, run in a separate directory. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa, type Options } from 'execa'
import { tempDir } from '../support/temp.js'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const bin = join(root, 'bin', 'cgiup.js')

/** The directory in which the command is run; apps in it can import cgiup. */
export const directory = tempDir('cli')
mkdirSync(join(directory, 'node_modules'))
symlinkSync(root, join(directory, 'node_modules', 'cgiup'))

export function write(name: string, text: string, executable = false): string {
  const file = join(directory, name)
  writeFileSync(file, text)
  if (executable) chmodSync(file, 0o755)
  return file
}

export const cgiup = async (args: string[], options: Options & { env?: Record<string, string> } = {}) => {
  const { env, ...others } = options
  const result = await execa(process.execPath, [bin, ...args], {
    env: { PATH: process.env.PATH, ...env },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    cwd: directory,
    stripFinalNewline: false,
    ...others,
  })
  return { out: String(result.stdout), err: String(result.stderr), code: result.exitCode }
}

/** An app that returns details of the request. */
export const hello = `export default { async fetch(r, env) {
  const { pathname, search } = new URL(r.url)
  return new Response([r.method, pathname + search, r.headers.get('content-type'), r.headers.get('x-a'),
    env.SCRIPT_NAME, env.REMOTE_USER, await r.text()].join('|') + '\\n', { headers: { 'Content-Type': 'text/plain; charset=utf-8' } })
} }`
