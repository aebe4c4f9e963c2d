/** `cgiup host`: serves CGI scripts in any language on this machine. */
import { existsSync, statSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import { interpreterOf } from '../cgi/script/program.js'
import { UsageError } from '../core/errors.js'
import type { Handler } from '../core/exchange.js'
import { placeLimits, scriptLimits } from '../core/limits/scripts.js'
import { guardStandardStreams } from '../core/standard-streams.js'
import { hostRule } from '../host/allowed-hosts.js'
import { refuseCrossSite } from '../host/cross-site.js'
import { noticeProxies, warnOfPages } from '../host/development-notice.js'
import { withHostCheck } from '../host/host-check.js'
import { mountedAt } from '../host/mounted-at.js'
import { accessLog, type CgiBinOptions, cgiBin, files, mount, script } from '../host.js'
import { serveHttp } from '../http/server/server.js'
import { closeOnSignal, homeOf } from '../run/http.js'
import { type Address, parseAddress } from '../socket/address.js'
import { all, type Command, helpText, one, type Parsed, pairs, parse } from './args.js'
import { allow, allowedHost, allowedHostsOf, allowOf } from './http-options.js'
import { limitOf } from './limit-options.js'
import { missingFile } from './missing-file.js'

export const hostCommand: Command = {
  usage: ['cgiup host DIR|SCRIPT [--mount /cgi-bin] [--listen ADDR] [--static DIR] [options]'],
  about: `Serves the executable scripts of a directory, or one script for every path, over HTTP, with one
process per request, as a web server does (RFC 3875). For this machine and for development; error
pages show what a script printed.`,
  options: {
    mount: {
      short: 'm',
      value: 'PATH',
      help: 'The URL path of the scripts. Default /, or /cgi-bin with --static.',
    },
    listen: {
      short: 'l',
      value: 'ADDR',
      help: 'host:port, :port, *:port, [::1]:port, a port, unix:/path or\n/path. Default 127.0.0.1:8080; port 0 picks any free port.',
    },
    static: { value: 'DIR', help: 'Also serve the files of this directory, at /.' },
    files: { help: 'Also send the files in DIR that are not scripts.' },
    type: {
      value: '.EXT=TYPE',
      many: true,
      help: 'Media type of files with this extension, for --static and --files,\nsuch as .bin=application/octet-stream. Without it, only files typical\nof a web site are sent: no programs, copies, databases or keys.\n.=TYPE is for names without an extension.',
    },
    env: { short: 'e', value: 'NAME=VALUE', many: true, help: 'A variable for the scripts.' },
    handler: {
      value: '.EXT=PROGRAM',
      many: true,
      help: 'Run files with this extension with a program, such as .py=python3\nor .php=php-cgi. They need not be executable.',
    },
    timeout: {
      value: 'TIME',
      help: 'How long a script may go without writing, before its head or during\nits body: 60s (default), 500ms, 2m; 0 for no limit.',
    },
    development: {
      help: 'Show error pages and directory listings to everybody who can\nconnect, not just to this machine.',
    },
    'max-scripts': {
      value: 'N',
      help: 'Scripts that run at the same time; further requests wait, for 30 s at\nmost, then get 503. An event stream (text/event-stream, any reply that\nstays open) counts until it ends. Default 4 for each\nprocessor, at least 8; 0 for no limit.',
    },
    allow,
    'allowed-host': allowedHost,
    'allow-cross-site': {
      help: 'Accept POST, PUT, PATCH and DELETE from pages of other sites.',
    },
    'pass-auth': { help: 'Pass the Authorization header to scripts (RFC 3875 section 4.1.18).' },
    quiet: { short: 'q', help: 'No banner and no access log.' },
  },
  more: `Examples:
  cgiup host cgi-bin --mount /cgi-bin --static public
  cgiup host blog.pl --listen :3000
  cgiup host site --handler .php=php-cgi --files --env DB=test.sqlite`,
}

export async function runHost(args: string[]): Promise<void> {
  const parsed = parse(args, hostCommand)
  if (parsed.values.help) {
    process.stdout.write(helpText(hostCommand))
    return
  }
  const [target, extra] = parsed.positionals
  if (target === undefined)
    throw new UsageError('USAGE', 'cgiup host needs a directory or a script: cgiup host cgi-bin.')
  if (extra !== undefined)
    throw new UsageError('USAGE', `Only one directory or script is allowed; remove ${extra}.`)
  if (!existsSync(target)) throw new UsageError('USAGE', missingFile(target, 'file or directory'))
  guardStandardStreams()
  const at = mountOf(parsed)
  const options = optionsOf(parsed)
  const handler = routes(at, scriptsOf(target, options), parsed)
  const quiet = parsed.values.quiet === true
  const { development } = options
  const server = await serveHttp(noticeProxies(checked(handler, parsed, development), development), {
    ...addressOf(parsed),
    ...allowOf(parsed),
    ...(!quiet && { log: accessLog() }),
  })
  closeOnSignal(() => server.close())
  warnOfPages(development, server.address)
  if (!quiet) {
    process.stderr.write(`cgiup: ${homeOf(server.url, at)} runs ${resolve(target)} (Ctrl-C stops it)\n`)
  }
}

/**
 * Over TCP, refuses requests for other hosts, and requests from pages of other sites that could change
 * something.
 */
function checked(handler: Handler, parsed: Parsed, development: boolean | undefined): Handler {
  const place = addressOf(parsed)
  if (place.path !== undefined) return handler
  const { allowedHosts } = allowedHostsOf(parsed)
  const inner =
    parsed.values['allow-cross-site'] === true
      ? handler
      : refuseCrossSite(handler, hostRule(allowedHosts, place.host))
  return withHostCheck(inner, {
    ...place,
    ...(allowedHosts && { allowedHosts }),
    ...(development !== undefined && { development }),
  })
}

/** Removes a trailing slash, except from the root. */
function mountOf(parsed: Parsed): string {
  const path = one(parsed, 'mount') ?? (parsed.values.static === undefined ? '/' : '/cgi-bin')
  return path.replace(/(.)\/+$/, '$1')
}

function addressOf(parsed: Parsed): Address {
  const listen = one(parsed, 'listen')
  return listen === undefined ? {} : parseAddress(listen)
}

function scriptsOf(target: string, options: CgiBinOptions): Handler {
  if (statSync(target).isDirectory()) return cgiBin(target, options)
  const interpreter = interpreterOf(target)
  const extension = extname(target)
  const known = extension === '' || options.handler?.[extension] !== undefined
  // An app file needs no #! line and no permission to execute.
  return script(
    target,
    interpreter && !known
      ? { ...options, handler: { ...options.handler, [extension]: interpreter } }
      : options,
  )
}

function routes(at: string, scripts: Handler, parsed: Parsed): Handler {
  const directory = one(parsed, 'static')
  if (directory === undefined) return mountedAt(at, scripts)
  if (at === '/')
    throw new UsageError('USAGE', 'With --static, the scripts need their own path: --mount /cgi-bin.')
  const development = parsed.values.development === true && { development: true }
  return mount({ [at]: scripts, '/': files(directory, { types: typesOf(parsed), ...development }) })
}

function optionsOf(parsed: Parsed): CgiBinOptions {
  const handler = Object.entries(pairs(all(parsed, 'handler'), '--handler .ext=PROGRAM'))
  const ms = limitOf(parsed, scriptLimits.headTimeoutMs, 's')
  const types = typesOf(parsed)
  const maxScripts = limitOf(parsed, placeLimits.maxScripts)
  return {
    env: pairs(all(parsed, 'env'), '--env NAME=VALUE'),
    handler: Object.fromEntries(handler.map(([name, text]) => [name, text.trim().split(/\s+/)])),
    files: parsed.values.files === true && { types },
    ...(parsed.values.development === true && { development: true }),
    passAuthorization: parsed.values['pass-auth'] === true,
    ...(maxScripts !== undefined && { maxScripts }),
    ...(ms !== undefined && { headTimeoutMs: ms, idleTimeoutMs: ms }),
  }
}

/** @throws UsageError USAGE */
function typesOf(parsed: Parsed): Readonly<Record<string, string>> {
  const types = Object.entries(pairs(all(parsed, 'type'), '--type .ext=TYPE'))
  if (types.length > 0 && parsed.values.static === undefined && parsed.values.files !== true)
    throw new UsageError(
      'USAGE',
      '--type sets the type of files that are sent: use it with --static or --files.',
    )
  for (const [extension, type] of types) {
    if (!extension.startsWith('.') || !/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+ *(?:;[ -~]*)?$/.test(type))
      throw new UsageError(
        'USAGE',
        `--type must have the form .ext=TYPE, such as .bin=application/octet-stream, not ${extension}=${type}.`,
      )
  }
  return Object.fromEntries(types.map(([name, type]) => [name === '.' ? '' : name.toLowerCase(), type]))
}
