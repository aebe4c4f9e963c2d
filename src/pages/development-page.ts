/** The error page for developers: stack, source, environment and output of the request. */
import { stripVTControlCharacters } from 'node:util'
import { ScriptError } from '../cgi/script/error.js'
import { CgiupError } from '../core/errors.js'
import type { Exchange } from '../core/exchange.js'
import { outputOf } from '../core/recorded-output.js'
import type { FactOptions } from '../env/facts.js'
import { firedRepairs } from '../env/repairs-fired.js'
import { Secrets, shownValue } from '../env/secrets.js'
import { lintEnv } from '../lint/environment.js'
import { type Excerpt, excerptOf, isForeign, parseStack } from './error-stack.js'
import type { PageType } from './page.js'

/** @param status the status line's code. @returns the body of the page. */
export function developmentPage(error: unknown, exchange: Exchange, status: number, type: PageType): string {
  const secrets = secretsOf(exchange)
  const errors = chain(error, type).map((one) => withoutSecrets(one, secrets))
  if (type === 'application/json') {
    const shown = errors.map(({ title, stack, code, fix }) => ({
      title,
      code,
      fix,
      stack: stack.split('\n'),
    }))
    return `${JSON.stringify({ error: { status, ...shown[0], causes: shown.slice(1) } }, null, 2)}\n`
  }
  const page: Page = {
    errors,
    output: secrets.masked(stripVTControlCharacters(outputOf(exchange))),
    variables: variables(exchange).map(([name, value]) => [name, secrets.masked(value)]),
    findings: findings(exchange).map((line) => secrets.masked(line)),
    repairs: firedRepairs(exchange.env, howItCame(exchange)).join(', '),
  }
  return type === 'text/html' ? html(page, exchange, status, secrets) : text(page)
}

/** The data of a page, secrets masked. */
interface Page {
  readonly errors: readonly Shown[]
  readonly output: string
  readonly variables: readonly (readonly [name: string, value: string])[]
  readonly findings: readonly string[]
  /** Names of the repairs that changed the environment; '' for none. */
  readonly repairs: string
}

/** Secrets of the request and of this process. */
function secretsOf(exchange: Exchange): Secrets {
  const secrets = new Secrets()
  secrets.addAll(exchange.env.list)
  for (const [name, value = ''] of Object.entries(process.env)) {
    // Desktops set variables such as DESKTOP_SESSION to paths and common words, which appear in many
    // messages.
    if (!/SESSION|_SOCK$/.test(name) && value.length >= 8 && !/^\/\w+\//.test(value))
      secrets.addAll([name, value])
  }
  return secrets
}

interface Shown {
  /** Name and message. */
  readonly title: string
  readonly stack: string
  readonly source: Excerpt | null
  readonly code?: string
  readonly fix?: string
  /** Facts about a failed script. */
  readonly seen: readonly (readonly [name: string, text: string])[]
}

function withoutSecrets({ seen, ...shown }: Shown, secrets: Secrets): Shown {
  return {
    ...shown,
    title: secrets.masked(shown.title),
    stack: secrets.masked(shown.stack),
    source: shown.source && {
      ...shown.source,
      lines: shown.source.lines.map((line) => secrets.masked(line)),
    },
    seen: seen.map(([name, text]) => [name, secrets.masked(text)] as const),
  }
}

/** An error and its causes, outermost first; stops at a cycle. */
function chain(error: unknown, type: PageType): Shown[] {
  const seen = new Set<unknown>()
  for (let at = error; at !== undefined && !seen.has(at) && seen.size < 10; ) {
    seen.add(at)
    at = at instanceof Error ? at.cause : undefined
  }
  return [...seen].map((one) => show(one, type))
}

function show(error: unknown, type: PageType): Shown {
  if (!(error instanceof Error))
    return { title: `Thrown: ${printed(error)}`, stack: '', source: null, seen: [] }
  const title = `${error.name}: ${error.message}`
  const stack = parseStack(error)
  const source = type === 'text/html' ? excerptOf(stack) : null
  const known = error instanceof CgiupError ? { code: error.code, fix: error.fix } : {}
  const seen = error instanceof ScriptError ? seenOf(error) : []
  return { title, stack: stack.lines.join('\n'), source, ...known, seen }
}

/** Omits the command line, which contains secrets of the environment. */
function seenOf({ report }: ScriptError): Shown['seen'] {
  const { file, exit, output, stderr } = report
  return [
    ['The script', `${file} ${exit}`],
    ['First bytes of the output', output || '(nothing)'],
    ['End of the standard error', stderr || '(nothing)'],
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
    .map(([name, value]): [string, string] => [name, shownValue(name, value)])
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Problems of the environment, one line each. */
function findings(exchange: Exchange): string[] {
  const found = lintEnv(exchange.env, howItCame(exchange))
  return found.map(({ seen, fix, clause }) => `${seen} ${fix} (${clause})`)
}

function howItCame({ gateway }: Exchange): FactOptions {
  return { isCgi: gateway.protocol === 'cgi', isAuthorizer: gateway.role === 'authorizer' }
}

function text({ errors, output, variables, findings, repairs }: Page): string {
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
  if (output) parts.push(`Output\n${indented(output)}`)
  const list = variables.map(([name, value]) => `    ${name}=${value}`)
  const found = findings.map((line) => `    ${line}`)
  if (found.length > 0) parts.push(`Known problems of this environment\n${found.join('\n')}`)
  if (repairs) parts.push(`Repairs of this environment\n    ${repairs}`)
  parts.push(`Environment\n${list.join('\n')}`)
  return `${parts.join('\n\n')}\n`
}

const indented = (lines: string): string => lines.replace(/^/gm, '    ')

function html(page: Page, exchange: Exchange, status: number, secrets: Secrets): string {
  const { errors, output } = page
  const { env, gateway } = exchange
  const request = `${env.get('REQUEST_METHOD') ?? ''} ${env.get('REQUEST_URI') ?? env.get('PATH_INFO') ?? ''}`
  const rows = page.variables.map(([name, value]) => `<tr><th>${escaped(name)}<td>${escaped(value)}`)
  const found = page.findings.map((line) => `<li>${escaped(line)}`)
  const title = errors[0]?.title ?? 'Error'
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${style}</style></head><body>
<header><p>${status} · ${escaped(secrets.masked(request))} · ${gateway.protocol} · Node ${process.version}</header>
${errors.map(errorSection).join('\n')}
${output ? `<h2>Output of this request</h2><pre>${escaped(output)}</pre>` : ''}
<h2>Environment</h2><table>${rows.join('\n')}</table>
${found.length > 0 ? `<h2>Known problems of this environment</h2><ul>${found.join('\n')}</ul>` : ''}
${page.repairs ? `<h2>Repairs of this environment</h2><p>${escaped(page.repairs)}` : ''}
<footer>This page is for development. With NODE_ENV=production, clients see only the status.</footer>
</body></html>
`
}

function errorSection({ title, stack, source, code, fix, seen }: Shown, index: number): string {
  const lines = stack.split('\n').map((line) => {
    return isForeign(line) ? `<span class="far">${escaped(line)}</span>` : escaped(line)
  })
  return [
    index ? `<h2>Caused by</h2><h3>${escaped(title)}</h3>` : `<h1>${escaped(title)}</h1>`,
    fix ? `<p class="fix">${escaped(fix)} <code>${escaped(code ?? '')}</code>` : '',
    ...seen.map(([name, what]) => `<h3>${name}</h3><pre>${escaped(what)}</pre>`),
    sourceSection(source),
    stack ? `<pre>${lines.join('\n')}</pre>` : '',
  ].join('\n')
}

/** The source lines around the error in the app's own code. */
function sourceSection(excerpt: Excerpt | null): string {
  if (excerpt === null) return ''
  const lines = excerpt.lines.map((line, index) => {
    const number = excerpt.first + index
    const shown = `${String(number).padStart(5)}  ${escaped(line.slice(0, 300))}`
    return number === excerpt.at ? `<mark>${shown}</mark>` : shown
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
