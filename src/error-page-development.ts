/** The error page for developers: stack, source, environment, output of the request. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { ScriptError } from './cgi/script-error.js'
import { lintEnv } from './env/lint.js'
import type { PageType } from './error-page.js'
import { CgiupError } from './errors.js'
import type { Exchange } from './exchange.js'
import { outputOf } from './output.js'

/** Variables whose values are secrets of the client or of this machine: never shown, not even here. */
const secret =
  /AUTHORIZATION|COOKIE|PASS(WD|WORD|PHRASE)|SECRET|TOKEN|API_?KEY|PRIVATE|CREDENTIAL|SESSION|SIGNATURE$/i

/** @param status the status line's code. @returns the body of the page. */
export function developmentPage(error: unknown, exchange: Exchange, status: number, type: PageType): string {
  const errors = chain(error)
  if (type === 'application/json') {
    const shown = errors.map(({ title, stack, code, fix }) => ({
      title,
      code,
      fix,
      stack: stack.split('\n'),
    }))
    return `${JSON.stringify({ error: { status, ...shown[0], causes: shown.slice(1) } }, null, 2)}\n`
  }
  return type === 'text/html' ? html(errors, exchange, status) : text(errors, exchange)
}

interface Shown {
  /** Name and message. */
  readonly title: string
  readonly stack: string
  readonly code?: string
  readonly fix?: string
  /** What was seen of a script: name, text. */
  readonly seen: readonly (readonly [name: string, text: string])[]
}

/** An error and its causes, outermost first; a loop of causes ends. */
function chain(error: unknown): Shown[] {
  const seen = new Set<unknown>()
  for (let at = error; at !== undefined && !seen.has(at) && seen.size < 10; ) {
    seen.add(at)
    at = at instanceof Error ? at.cause : undefined
  }
  return [...seen].map(show)
}

function show(error: unknown): Shown {
  if (!(error instanceof Error)) return { title: `Thrown: ${printed(error)}`, stack: '', seen: [] }
  const title = `${error.name}: ${error.message}`
  // The stack begins with name and message, as they were when the error was made.
  const stack = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  const known = error instanceof CgiupError ? { code: error.code, fix: error.fix } : {}
  const seen = error instanceof ScriptError ? seenOf(error) : []
  return { title, stack: stack.map((line) => line.trim()).join('\n'), ...known, seen }
}

/** Without the command line, which holds the secrets of the environment. */
function seenOf({ report }: ScriptError): Shown['seen'] {
  const { file, exit, output, stderr } = report
  return [
    ['The script', `${file} ${exit}`],
    ['First bytes of its output', output || '(nothing)'],
    ['End of its standard error', stderr || '(nothing)'],
  ]
}

function printed(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}

/** Names and values of the environment, sorted, secrets masked. */
function variables(exchange: Exchange): [name: string, value: string][] {
  return Object.entries(exchange.env.toObject())
    .map(([name, value]): [string, string] => [name, secret.test(name) && value ? masked(value) : value])
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** What is wrong with the environment, a line each. */
function findings(exchange: Exchange): string[] {
  return lintEnv(exchange.env).map(({ seen, fix, clause }) => `${seen} ${fix} (${clause})`)
}

const masked = (value: string): string => `(${value.length} characters, not shown)`

function text(errors: Shown[], exchange: Exchange): string {
  const parts = errors.map(({ title, stack, fix, seen }, index) =>
    [
      (index ? 'Caused by: ' : '') + title,
      fix,
      ...seen.map(([name, what]) => `${name}\n${indented(what)}`),
      indented(stack),
    ]
      .filter(Boolean)
      .join('\n'),
  )
  const output = outputOf(exchange)
  if (output) parts.push(`Output\n${indented(stripVTControlCharacters(output))}`)
  const list = variables(exchange).map(([name, value]) => `    ${name}=${value}`)
  const found = findings(exchange).map((line) => `    ${line}`)
  if (found.length > 0) parts.push(`Known problems of this environment\n${found.join('\n')}`)
  parts.push(`Environment\n${list.join('\n')}`)
  return `${parts.join('\n\n')}\n`
}

const indented = (lines: string): string => lines.replace(/^/gm, '    ')

function html(errors: Shown[], exchange: Exchange, status: number): string {
  const { env, gateway } = exchange
  const request = `${env.get('REQUEST_METHOD') ?? ''} ${env.get('REQUEST_URI') ?? env.get('PATH_INFO') ?? ''}`
  const output = stripVTControlCharacters(outputOf(exchange))
  const rows = variables(exchange).map(([name, value]) => `<tr><th>${escaped(name)}<td>${escaped(value)}`)
  const found = findings(exchange).map((line) => `<li>${escaped(line)}`)
  const title = errors[0]?.title ?? 'Error'
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${style}</style></head><body>
<header><p>${status} · ${escaped(request)} · ${gateway.protocol} · Node ${process.version}</header>
${errors.map(errorSection).join('\n')}
${output ? `<h2>Output of this request</h2><pre>${escaped(output)}</pre>` : ''}
<h2>Environment</h2><table>${rows.join('\n')}</table>
${found.length > 0 ? `<h2>Known problems of this environment</h2><ul>${found.join('\n')}</ul>` : ''}
<footer>This page is for development. With NODE_ENV=production clients see the status only.</footer>
</body></html>
`
}

/** This package's own files, wherever it is installed. */
const here = fileURLToPath(new URL('.', import.meta.url))

/** A line of a stack that is not of the app: Node's, a package's, ours. */
function isForeign(line: string): boolean {
  return /\bnode:|[/\\]node_modules[/\\]/.test(line) || line.includes(here)
}

function errorSection({ title, stack, code, fix, seen }: Shown, index: number): string {
  const lines = stack.split('\n').map((line) => {
    return isForeign(line) ? `<span class="far">${escaped(line)}</span>` : escaped(line)
  })
  return [
    index ? `<h2>Caused by</h2><h3>${escaped(title)}</h3>` : `<h1>${escaped(title)}</h1>`,
    fix ? `<p class="fix">${escaped(fix)} <code>${escaped(code ?? '')}</code>` : '',
    ...seen.map(([name, what]) => `<h3>${name}</h3><pre>${escaped(what)}</pre>`),
    excerpt(stack),
    stack ? `<pre>${lines.join('\n')}</pre>` : '',
  ].join('\n')
}

/** The lines around the place where the app's own code failed. */
function excerpt(stack: string): string {
  const own = stack.split('\n').find((line) => !isForeign(line)) ?? ''
  const place = /(?:\(|at (?:async )?)((?:file:\/\/)?\/[^()]*?):(\d+):\d+\)?$/.exec(own)
  if (!place?.[1]) return ''
  const number = Number(place[2])
  let source: string[]
  try {
    const path = place[1].startsWith('file:') ? fileURLToPath(place[1]) : place[1]
    source = readFileSync(path, 'utf8').split('\n')
  } catch {
    return ''
  }
  const first = Math.max(0, number - 5)
  const lines = source.slice(first, number + 4).map((line, index) => {
    const at = first + index + 1
    const shown = `${String(at).padStart(5)}  ${escaped(line.slice(0, 300))}`
    return at === number ? `<mark>${shown}</mark>` : shown
  })
  return `<pre class="source">${lines.join('\n')}</pre>`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

const style = `
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;white-space:pre-wrap}h2{font-size:1.05rem;margin-top:2rem}h3{font-size:1rem}
header,footer,.far{opacity:.6}.fix{border-left:.25rem solid #c60;padding-left:.75rem}
pre{overflow:auto;padding:.75rem;background:#8881;border-radius:.25rem;font-size:13px}
mark{display:inline-block;min-width:100%;background:#fc38;color:inherit}
table{border-collapse:collapse;font-size:13px}
th,td{padding:.15rem .75rem .15rem 0;border-bottom:1px solid #8883;vertical-align:top}
th{text-align:left;font-weight:600;white-space:nowrap}td{overflow-wrap:anywhere}
`
