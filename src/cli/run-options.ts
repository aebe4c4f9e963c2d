/** The options of `cgiup APP`: one table for the parser and the help, and the `run()` options they set. */

import { UsageError } from '../core/errors.js'
import type { ServerName } from '../run/detect.js'
import type { RunOptions } from '../run/options.js'
import { all, type Command, type Parsed } from './args.js'
import { allowedHost, allowedHostsOf } from './http-options.js'
import { processOptions, readProcessOptions } from './process-options.js'

export const appCommand: Command = {
  usage: ['cgiup APP [--server NAME] [--listen ADDR] [--mount PATH]'],
  about: `Runs the app that a file exports: as a CGI script if a web server starts it, as a FastCGI process if
it inherits a listening socket or with --server fastcgi, otherwise as a development HTTP server.
The file may also call run(app) or app.listen() itself.`,
  options: {
    server: { short: 's', value: 'NAME', help: 'auto (default), cgi, fastcgi, scgi or http.' },
    listen: {
      short: 'l',
      value: 'ADDR',
      help: 'host:port, :port, *:port, [::1]:port, a port, unix:/path or\n/path. Default 127.0.0.1:8080 (FastCGI 9000, SCGI 4000);\nport 0 picks any free port.',
    },
    mount: { short: 'm', value: 'PATH', help: 'The path at which the app is mounted, such as /app.' },
    target: {
      value: 'NAME',
      help: 'Which variables determine the path: auto (default), request-uri,\nscript. See docs/environment.md.',
    },
    'no-repair': {
      value: 'NAME',
      many: true,
      help: 'Switch off a repair of the environment:\ndocs/environment.md lists them.',
    },
    quiet: { short: 'q', help: 'No banner and no access log.' },
    'allowed-host': allowedHost,
    development: { help: 'Show error pages to everybody who can connect, not just to\nthis machine.' },
    ...processOptions,
  },
  more: `--workers and the options below it are for persistent processes: FastCGI, SCGI and HTTP
(docs/process.md).

Examples:
  cgiup app.js                    http://127.0.0.1:8080
  cgiup app.js --listen :3000
  cgiup app.js --server fastcgi --listen /run/app.sock --socket-group www-data
  REQUEST_METHOD=GET cgiup app.js  the reply of the app as a CGI script`,
}

const targets = ['auto', 'request-uri', 'script'] as const

function targetOf(name: string): (typeof targets)[number] {
  const found = targets.find((target) => target === name)
  if (found) return found
  throw new UsageError('USAGE', `--target must be auto, request-uri or script, not ${JSON.stringify(name)}.`)
}

/** Converts names to the form of the `repairs` option; `run()` checks the names. */
function switchedOff(names: readonly string[]): NonNullable<RunOptions['repairs']> {
  return Object.fromEntries(names.map((name) => [name, false]))
}

export function readRunOptions(parsed: Parsed): RunOptions {
  const { values } = parsed
  return {
    ...(values.server !== undefined && { server: values.server as ServerName }),
    ...(values.listen !== undefined && { listen: values.listen as string }),
    ...(values.mount !== undefined && { mount: values.mount as string }),
    ...(values.target !== undefined && { target: targetOf(values.target as string) }),
    ...(values['no-repair'] !== undefined && { repairs: switchedOff(all(parsed, 'no-repair')) }),
    ...(values.quiet === true && { quiet: true }),
    ...allowedHostsOf(parsed),
    ...(values.development === true && { development: true }),
    ...readProcessOptions(parsed),
  }
}
