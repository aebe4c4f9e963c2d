/** `cgiup call`: sends one request as a web server would. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { launch } from '../cgi/script/environment.js'
import { isProgram, startFailure } from '../cgi/script/error.js'
import { type Exit, ScriptProcess } from '../cgi/script/process.js'
import { interpreterOf } from '../cgi/script/program.js'
import { UsageError } from '../core/errors.js'
import { scriptEnv } from '../env/script-env.js'
import { environmentOf } from '../memory/exchange.js'
import { readRequest, type TestRequest } from '../memory/request.js'
import { all, type Command, helpText, one, type Parsed, pairs, parse } from './args.js'
import { missingFile } from './missing-file.js'

export const callCommand: Command = {
  usage: ['cgiup call PATH APP|SCRIPT [--as cgi|http] [-X METHOD] [-H HEADER]... [-d DATA]...'],
  about: `Makes one request as a web server would, and prints exactly what the script writes: its head and
body to stdout, its stderr to stderr. PATH is the path and query of the URL, sent unchanged.`,
  options: {
    as: {
      value: 'NAME',
      help: 'cgi (default): start a process with CGI variables, show its raw output.\nhttp: show the response as a client of an HTTP server would get it.',
    },
    request: { short: 'X', value: 'METHOD', help: 'Default GET, or POST with --data.' },
    header: { short: 'H', value: 'HEADER', many: true, help: 'A request header, "Name: value".' },
    data: {
      short: 'd',
      value: 'DATA',
      many: true,
      help: 'The request body; several are joined with "&".\n@FILE reads a file, @- reads stdin.',
    },
    mount: { short: 'm', value: 'PATH', help: 'The part of PATH that leads to the script (SCRIPT_NAME).' },
    env: {
      short: 'e',
      value: 'NAME=VALUE',
      many: true,
      help: 'A variable for the script, such as REMOTE_USER=me.',
    },
    explain: { help: 'Show on stderr what violates RFC 3875, with the clause.' },
  },
  more: `Exit code: 0 for a reply, 1 when the script failed or --explain found an error in the reply,
2 for a wrong command line.

Examples:
  cgiup call /hello app.js
  cgiup call '/?name=you' ./hello.pl --explain
  cgiup call /form app.js -d name=you -d color=blue
  cgiup call https://example.org/x app.js -X PUT -d @picture.png -H 'Content-Type: image/png'`,
}

export async function runCall(args: string[]): Promise<void> {
  const parsed = parse(args, callCommand)
  if (parsed.values.help) {
    process.stdout.write(helpText(callCommand))
    return
  }
  const [path, file, extra] = parsed.positionals
  if (path === undefined || file === undefined) {
    throw new UsageError('USAGE', 'cgiup call needs a PATH and an APP: cgiup call / app.js.')
  }
  if (extra !== undefined) throw new UsageError('USAGE', `Only one app is allowed; remove ${extra}.`)
  if (!existsSync(file)) throw new UsageError('USAGE', `${missingFile(file, 'file')}${swapped(path, file)}`)
  if (statSync(file).isDirectory()) {
    throw new UsageError('USAGE', `${file} is a directory; cgiup call runs one file.`)
  }
  const request = await requestOf(path, parsed)
  const as = one(parsed, 'as') ?? 'cgi'
  if (as === 'http') {
    const { callHttp } = await import('./call-http.js')
    process.exitCode = await callHttp(resolve(file), request, variables(parsed), one(parsed, 'mount'))
  } else if (as === 'cgi') {
    process.exitCode = await callCgi(resolve(file), request, parsed)
  } else {
    throw new UsageError('USAGE', `--as must be cgi or http, not ${JSON.stringify(as)}.`)
  }
}

const swapped = (path: string, file: string) =>
  file.startsWith('/') && existsSync(path) ? ' PATH comes first: cgiup call PATH APP.' : ''

async function requestOf(path: string, parsed: Parsed): Promise<TestRequest> {
  const headers = all(parsed, 'header').flatMap((text) => {
    const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):\s*(.*)$/.exec(text)
    if (!match) throw new UsageError('USAGE', `${JSON.stringify(text)} is not a header; write "Name: value".`)
    return [match[1] as string, Buffer.from(match[2] as string).toString('latin1')]
  })
  const data = all(parsed, 'data')
  const method = one(parsed, 'request')
  const body = data.length > 0 ? Buffer.concat(data.flatMap((text, i) => dataOf(text, i))) : null
  const typed = headers.some((item, i) => i % 2 === 0 && item.toLowerCase() === 'content-type')
  if (body && !typed) headers.push('Content-Type', 'application/x-www-form-urlencoded')
  return readRequest(path, { headers, body, ...(method !== undefined && { method }) })
}

function dataOf(text: string, index: number): Uint8Array[] {
  const join = index > 0 ? [Buffer.from('&')] : []
  if (!text.startsWith('@')) return [...join, Buffer.from(text)]
  const file = text.slice(1)
  if (file !== '-' && !existsSync(file)) throw new UsageError('USAGE', `--data: ${missingFile(file, 'file')}`)
  return [...join, readFileSync(file === '-' ? 0 : file)]
}

const variables = (parsed: Parsed) => pairs(all(parsed, 'env'), '--env NAME=VALUE')

async function callCgi(file: string, request: TestRequest, parsed: Parsed): Promise<number> {
  const env = variables(parsed)
  const mount = one(parsed, 'mount')
  const environment = environmentOf(request, { env, ...(mount !== undefined && { mount }) })
  const body = request.body as Uint8Array | null
  const list = scriptEnv(environment, {
    scriptName: environment.get('SCRIPT_NAME') ?? '',
    pathInfo: environment.get('PATH_INFO') ?? '',
    scriptFilename: Buffer.from(file).toString('latin1'),
    contentLength: body?.length ?? 0,
    passAuthorization: true,
    extra: {
      PATH: process.env.PATH,
      TZ: process.env.TZ,
      NODE_ENV: process.env.NODE_ENV || 'development',
      ...env,
    },
  })
  const interpreter = interpreterOf(file)
  const run = await runProgram(file, interpreter ? [...interpreter, file] : [file], list, body)
  if (run === null) return 1
  const { output, stderr, exit } = run
  const { explainRun, isReply } = await import('./explain.js')
  const facts = { method: request.method, output, stderr, exitCode: exit.code, signal: exit.signal }
  const nph = /(^|\/)nph-[^/]*$/.test(file)
  if (parsed.values.explain) return explainRun({ ...facts, nph }, list) ? 1 : 0
  return exit.code === 0 && isReply(output, nph) ? 0 : 1
}

interface Finished {
  readonly output: Buffer
  readonly stderr: string
  readonly exit: Exit
}

/** Runs the program to its end and forwards its output as it arrives. Null when it could not be started. */
async function runProgram(
  file: string,
  command: readonly string[],
  list: string[],
  body: Uint8Array | null,
): Promise<Finished | null> {
  const script = await start(file, command, list, body !== null)
  if (typeof script === 'string') {
    process.stderr.write(`cgiup: ${file} could not be started: ${script}.\n`)
    return null
  }
  const stop = () => script.stop()
  process.once('SIGINT', stop)
  script.stdin?.end(body)
  const [output, stderr] = await Promise.all([
    collect(script.stdout, process.stdout),
    collect(script.stderr, process.stderr),
    new Promise<void>((done) => script.onExit(done)),
  ])
  process.off('SIGINT', stop)
  return { output, stderr: stderr.toString(), exit: script.exit as Exit }
}

async function start(
  file: string,
  command: readonly string[],
  list: string[],
  hasBody: boolean,
): Promise<ScriptProcess | string> {
  if (command[0] === file && !isProgram(file)) {
    return 'its first line must be "#!" and the path of its interpreter'
  }
  try {
    const stdin = hasBody ? 'pipe' : 'ignore'
    const cwd = dirname(file)
    return await ScriptProcess.start({ ...launch(command, list), cwd, stdin, killGraceMs: 3000 })
  } catch (error) {
    return startFailure(error as NodeJS.ErrnoException, file, command)
  }
}

async function collect(from: AsyncIterable<Buffer>, to: NodeJS.WritableStream): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of from) {
    pieces.push(piece)
    if (!to.write(piece)) await new Promise<void>((resolve) => to.once('drain', resolve))
  }
  return Buffer.concat(pieces)
}
