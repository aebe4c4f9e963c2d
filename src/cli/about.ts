/** `cgiup`, `cgiup --help`, `cgiup --version`. */
import { readFileSync } from 'node:fs'

const text = `Usage: cgiup APP [options]             run an app as a CGI script or on http://127.0.0.1:8080
       cgiup host DIR|SCRIPT [options]  serve CGI scripts in any language on this machine
       cgiup call PATH APP|SCRIPT [options]
                                        make one request and print what the script writes

cgiup COMMAND --help and cgiup --help run show the options.

An app is a file with \`export default app\`, where app is { fetch(request) }, a Node function
(req, res), an Express, Koa, Fastify, Hono or h3 app, or a program that calls app.listen().
As the first line of a script: #!/usr/bin/env cgiup
`

export async function about(args: readonly string[]): Promise<void> {
  const [first, second] = args
  if (first === '--version' || first === '-v') return print(`${version()}\n`)
  if (second !== undefined) {
    const { helpOf } = await import('./help.js')
    return print(await helpOf(second))
  }
  if (first !== undefined) return print(text)
  process.stderr.write(text)
  process.exitCode = 2
}

/** The version of this package. */
function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}

function print(what: string): void {
  process.stdout.write(what)
}
