/** How a failed command exits. */
import { failureLines, isOwnError } from '../run/run.js'

/** Errors in the command line exit with 2; all other failures exit with 1. */
const usageCodes: readonly string[] = [
  'USAGE',
  'ADDRESS_INVALID',
  'SERVER_UNKNOWN',
  'REPAIRS_INVALID',
  'APP_FILE',
]

/** Prints a failure on stderr. @returns the exit code: 2 for a wrong command line, else 1 */
export function fail(error: unknown): 1 | 2 {
  process.stderr.write(`${textOf(error)}\n`)
  return isOwnError(error) && usageCodes.includes(error.code) ? 2 : 1
}

function textOf(error: unknown): string {
  if (!isOwnError(error) || error.code !== 'USAGE') return failureLines(error)
  const command = process.argv[2]
  const help = command === 'host' || command === 'call' ? `cgiup ${command} --help` : 'cgiup --help run'
  return `cgiup: ${error.message}\n       ${help} lists the options.`
}
