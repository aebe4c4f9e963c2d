/** Where a syntax error is: Node keeps it to itself when an ES module is loaded by require(). */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * Puts file, line and the place in it above the stack of a SyntaxError that does not tell them, as
 * Node itself prints them. Costs a process, in a program that cannot run anyway.
 */
export function locate(error: SyntaxError, path: string): void {
  if (error.stack === undefined || /:\d+$/m.test(error.stack.split('\n', 1)[0] ?? '')) return
  // From stdin, so that the extension of the file does not matter.
  const { stderr } = spawnSync(process.execPath, ['--check', '--input-type=module', '-'], {
    input: readFileSync(path),
    env: {},
    encoding: 'utf8',
    timeout: 5000,
  })
  const [where, rest] = [stderr.indexOf('[stdin]:'), stderr.indexOf(`\n${error.name}: ${error.message}`)]
  // Another file, imported by this one, may be the one that is wrong.
  if (where < 0 || rest < where) return
  error.stack = `${path}${stderr.slice(where + '[stdin]'.length, rest)}\n${error.stack}`
}
