/** `cgiup APP`: runs an app file. Also what web servers start for `#!/usr/bin/env cgiup` scripts. */
import type { ServerName } from '../detect.js'
import { UsageError } from '../errors.js'
import type { RunOptions } from '../run.js'
import type { Command, Parsed } from './args.js'

export const command: Command = {
  usage: ['cgiup APP [--server NAME] [--listen ADDR] [--mount PATH]'],
  about: `Runs the app that a file exports: as a CGI script when a web server starts it, else as an HTTP
server for development. The file may also call run(app) or app.listen() itself.`,
  options: {
    server: { short: 's', value: 'NAME', help: 'auto (default), cgi, fastcgi, scgi or http.' },
    listen: {
      short: 'l',
      value: 'ADDR',
      help: 'host:port, :port, [::1]:port, a port, unix:/path or /path.\nDefault 127.0.0.1:8080 (FastCGI 9000, SCGI 4000); port 0 takes any free one.',
    },
    mount: { short: 'm', value: 'PATH', help: 'The path below which the app lies, such as /app.' },
    quiet: { short: 'q', help: 'HTTP: no banner and no access log.' },
  },
  more: `Examples:
  cgiup app.js                    http://127.0.0.1:8080
  cgiup app.js --listen :3000
  REQUEST_METHOD=GET cgiup app.js  what the app answers as a CGI script`,
}

export async function main(args: string[]): Promise<void> {
  const { file, options } = await readArgs(args)
  const { launchFile } = await import('./launch.js')
  await launchFile(file, options)
}

async function readArgs(args: string[]): Promise<{ file: string; options: RunOptions }> {
  const own = ownArgs(args)
  if (own.length === 1 && own[0] && !own[0].startsWith('-')) return { file: own[0], options: {} }
  const { parse, helpText } = await import('./args.js')
  const parsed = parse(own, command)
  if (parsed.values.help) {
    process.stdout.write(helpText(command))
    process.exit(0)
  }
  const [file, extra] = parsed.positionals
  if (file === undefined) throw new UsageError('USAGE', 'Which app? cgiup APP, or cgiup --help.')
  if (extra !== undefined) throw await tooMany(file, extra)
  return { file, options: optionsOf(parsed) }
}

async function tooMany(file: string, extra: string): Promise<UsageError> {
  const { nearest } = await import('../nearest.js')
  const near = /[/.]/.test(file) ? undefined : nearest(file, ['call', 'host'])
  const hint = near === undefined ? '' : ` Did you mean cgiup ${near}?`
  return new UsageError('USAGE', `One app at a time: ${extra} is too many.${hint}`)
}

function optionsOf({ values }: Parsed): RunOptions {
  return {
    ...(values.server !== undefined && { server: values.server as ServerName }),
    ...(values.listen !== undefined && { listen: values.listen as string }),
    ...(values.mount !== undefined && { mount: values.mount as string }),
    ...(values.quiet === true && { quiet: true }),
  }
}

/**
 * RFC 3875 section 4.4: a web server may append the words of the query to the command line, so that
 * under CGI everything behind the file was written by a stranger (as in CVE-2012-1823).
 */
function ownArgs(args: string[]): string[] {
  if (!process.env.GATEWAY_INTERFACE && !process.env.REQUEST_METHOD) return args
  let at = 0
  while (args[at]?.startsWith('-')) at += /^(--(server|listen|mount)|-[slm])$/.test(args[at] ?? '') ? 2 : 1
  return args.slice(0, at + 1)
}
