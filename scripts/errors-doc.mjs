/**
 * Writes docs/errors.md from the table in src/core/errors.ts. The class of an error says who caused it, and
 * is read from the place that throws it.
 *
 *     npm run docs
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = new URL('../', import.meta.url)
const documentFile = new URL('docs/errors.md', root)

const faults = [
  [
    'RequestError',
    'The request is at fault',
    'What the client or the web server sent. The client gets the status.',
  ],
  [
    'AppError',
    'The app is at fault',
    'What the app returned, threw or wrote. The client gets 500 and no detail.',
  ],
  [
    'ProgramError',
    'A program is at fault',
    'What a CGI script or a back end that cgiup runs did. The client gets the status and no detail.',
  ],
  [
    'UsageError',
    'The call is at fault',
    'An option, an argument or a command line. Thrown at once, or printed by the command.',
  ],
]

/** Subclasses with more data: FormError names the limit, ScriptError has a report. */
const subclasses = { FormError: 'RequestError', ScriptError: 'ProgramError' }

/** For codes that are passed to the error in a variable: the class, by the code's first word. */
const byPrefix = { PROGRAM: 'ProgramError', REQUEST: 'RequestError' }

/** code -> set of classes it is thrown with. */
export function throwers(codes) {
  const found = new Map()
  for (const path of readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts')) continue
    const source = readFileSync(new URL(`src/${path}`, root), 'utf8')
    for (const [, name, code] of source.matchAll(/new (\w+Error)\(\s*'([A-Z_]+)'/g)) {
      const classes = found.get(code) ?? new Set()
      found.set(code, classes.add(subclasses[name] ?? name))
    }
  }
  for (const code of codes) {
    const fallback = byPrefix[code.split('_', 1)[0]]
    if (!found.has(code) && fallback) found.set(code, new Set([fallback]))
  }
  return found
}

/** The text of docs/errors.md. */
export function errorsDocument(table) {
  const classes = throwers(Object.keys(table))
  const lines = [
    '# Errors',
    '',
    '<!-- Made by `npm run docs` from src/core/errors.ts; do not edit by hand. -->',
    '',
    'Every error that cgiup throws is a `CgiupError` with a `code` that never changes, the HTTP `status` that fits it, and a `fix`. Its class says whose fault it is. The `message` says what was seen, and where; it goes to the log, never to the client.',
    '',
    '```js',
    "import { CgiupError } from 'cgiup'",
    '',
    'try {',
    '  await work()',
    '} catch (error) {',
    '  if (!(error instanceof CgiupError)) throw error',
    '  console.error(error.code, error.message, error.fix)',
    '}',
    '```',
  ]
  for (const [name, title, meaning] of faults) {
    const codes = Object.keys(table).filter((code) => classes.get(code)?.has(name))
    if (codes.length === 0) continue
    lines.push('', `## ${title}: \`${name}\``, '', meaning)
    for (const code of codes.sort()) {
      const { title, fix, status } = table[code]
      lines.push('', `### ${code}`, '', `${title}. Status ${status}.`, '', fix)
    }
  }
  return `${lines.join('\n')}\n`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { errorTable } = await import(new URL('dist/core/errors.js', root).href)
  writeFileSync(documentFile, errorsDocument(errorTable))
  console.error(`Wrote ${fileURLToPath(documentFile)}`)
}
