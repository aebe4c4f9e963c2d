/** `cgiup APP`: runs an app file. Also what web servers start for `#!/usr/bin/env cgiup` scripts. */
import { existsSync } from 'node:fs'
import { UsageError } from '../core/errors.js'
import type { RunOptions } from '../run/options.js'

export async function runAppFile(args: string[]): Promise<void> {
  const { file, options } = await readArgs(args)
  const { launchFile } = await import('./launch.js')
  await launchFile(file, options)
}

async function readArgs(args: string[]): Promise<{ file: string; options: RunOptions }> {
  const own = ownArgs(args)
  if (own.length === 1 && own[0] && !own[0].startsWith('-')) return { file: own[0], options: {} }
  const [{ parse, helpText }, { appCommand: command, readRunOptions: readOptions }] = await Promise.all([
    import('./args.js'),
    import('./run-options.js'),
  ])
  const parsed = parse(own, command)
  if (parsed.values.help) {
    process.stdout.write(helpText(command))
    process.exit(0)
  }
  const [file, extra] = parsed.positionals
  if (file === undefined) throw new UsageError('USAGE', 'cgiup needs an app: cgiup APP, or see cgiup --help.')
  if (extra !== undefined) throw await tooMany(file, extra)
  return { file, options: readOptions(parsed) }
}

async function tooMany(file: string, extra: string): Promise<UsageError> {
  if (file === 'run' && !existsSync(file))
    return new UsageError('USAGE', `There is no command run. Write cgiup ${extra}.`)
  const { nearest } = await import('../core/did-you-mean.js')
  const near = /[/.]/.test(file) ? undefined : nearest(file, ['call', 'host'])
  const hint = near === undefined ? '' : ` Did you mean cgiup ${near}?`
  return new UsageError('USAGE', `Only one app is allowed; remove ${extra}.${hint}`)
}

/**
 * Options that have a value. Listed here and not read from the table, so that a CGI request does not load the
 * table.
 */
export const valued =
  /^(--(server|listen|mount|target|no-repair|allowed-host|workers|socket-mode|socket-group|allow|max-requests|max-memory|max-age)|-[slmw])$/

/**
 * The arguments of cgiup itself. RFC 3875 section 4.4: a web server may append the words of the query to the
 * command line, so under CGI the client wrote everything after the file (as in CVE-2012-1823). The app does
 * not see those words either.
 */
function ownArgs(args: string[]): string[] {
  if (!process.env.GATEWAY_INTERFACE && !process.env.REQUEST_METHOD) return args
  let at = 0
  while (args[at]?.startsWith('-') && !existsSync(args[at] as string))
    at += hasValue(args[at] as string) ? 2 : 1
  const own = args.slice(0, at + 1)
  process.argv.length = Math.min(process.argv.length, 2 + own.length)
  // A script whose name begins with "-".
  if (own[at]?.startsWith('-')) own[at] = `./${own[at]}`
  return own
}

/**
 * True for `--listen ADDR`, `-l ADDR`, `-ql ADDR`; not for `--listen=ADDR` or `-lADDR`, which include the
 * value.
 */
function hasValue(option: string): boolean {
  const [, last] = /^-[^-slmw]*([slmw])$/.exec(option) ?? []
  return valued.test(last === undefined ? option : `-${last}`)
}
