/** Finds the place of a syntax error: Node does not report it when require() loads an ES module. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * Adds file, line and position to the stack of a SyntaxError without them, as Node itself prints them. Starts
 * a process, but the program cannot run anyway.
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
  // The error may be in another file that this one imports.
  if (where < 0 || rest < where) return
  error.stack = `${path}${stderr.slice(where + '[stdin]'.length, rest)}\n${error.stack}`
}
