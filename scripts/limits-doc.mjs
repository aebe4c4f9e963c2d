/**
 * Writes the tables of limits in docs/, each between its two markers, from the table in src/core/limits: the
 * values come from the built files, the texts are the docstrings of the source.
 *
 *     npm run build && npm run docs
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = new URL('../', import.meta.url)

/** The docstring of each limit. @param {string} source a file of src/core/limits @returns {Map<string, string[]>} */
export function docstringsOf(source) {
  const found = new Map()
  for (const [, comment, name] of source.matchAll(/\/\*\*((?:(?!\*\/).)*)\*\/\n {2}(\w+): /gs)) {
    const text = comment.replace(/\n\s*\*\s*/g, ' ').trim()
    found.set(name, [...(found.get(name) ?? []), text])
  }
  return found
}

/** `65536` as `64 KiB` if the value is a multiple; a count unchanged. */
export function valueText({ standard, unit }) {
  if (standard === Number.POSITIVE_INFINITY || (unit === 'milliseconds' && standard === 0)) return 'none'
  if (unit !== 'bytes') return String(standard)
  const sizes = Object.entries({ GiB: 2 ** 30, MiB: 2 ** 20, KiB: 2 ** 10 })
  const [name, size] = sizes.find(([, bytes]) => standard >= bytes && standard % bytes === 0) ?? ['', 1]
  return `${standard / size} ${name}`.trim()
}

/** Splits a docstring into the default and the rest. */
export function split(text) {
  const [, words] = /\bDefault:? ((?:[^.`]|\.(?! |$)|`[^`]*`)*)/.exec(text) ?? []
  return {
    words,
    rest: text
      .replace(/ ?\bDefault:? (?:[^.`]|\.(?! |$)|`[^`]*`)*\./, '')
      .replace(/,? in (?:bytes|characters|milliseconds)\b(?! of)/, ''),
  }
}

/**
 * @param {Record<string, object>} limits rows by name
 * @param {Map<string, string[]>} docs
 * @param {(name: string) => string[]} more cells after the default
 * @param {readonly string[]} head
 */
function tableOf(limits, docs, head = [], more = () => []) {
  const rows = Object.entries(limits).map(([name, limit]) => {
    const { words, rest } = split(docs.get(name)?.[0] ?? '')
    const standard = limit.standard === undefined || limit.standard === Infinity ? words : valueText(limit)
    const zero = /0: (?:no limit|at once)/.exec(words ?? '')?.[0]
    const value = zero && !standard.includes(zero) ? `${standard} (${zero})` : standard
    const cli = limit.cli ? ` Command line: \`${limit.cli}\`.` : ''
    return [`\`${name}\``, value, limit.unit, ...more(name), `${rest}${cli}`.trim()]
  })
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  const top = ['name', 'default', 'unit', ...head, 'limits what, and what happens beyond it']
  return [line(top), line(top.map(() => '---')), ...rows.map(line)].join('\n')
}

/** The tables, by the names of their markers. */
export async function limitTables(dist = new URL('dist/', root)) {
  const from = async (name) => ({
    ...(await import(new URL(`core/limits/${name}.js`, dist).href)),
    docs: docstringsOf(readFileSync(new URL(`src/core/limits/${name}.ts`, root), 'utf8')),
  })
  const [requests, scripts, cgi, forms, recycle] = await Promise.all(
    ['requests', 'scripts', 'cgi', 'forms', 'recycle'].map(from),
  )
  const { requestLimits, httpLimits } = requests
  const http = (name) => [name in httpLimits ? valueText(httpLimits[name]) : '-']
  // If both tables document a name, the last docstring is the one for HTTP.
  const last = new Map([...requests.docs].map(([name, texts]) => [name, [texts.at(-1)]]))
  const onlyHttp = Object.fromEntries(Object.entries(httpLimits).filter(([name]) => !(name in requestLimits)))
  return {
    requests: tableOf(requestLimits, requests.docs, ['over HTTP'], http),
    http: tableOf(onlyHttp, last),
    scripts: tableOf({ ...scripts.placeLimits, ...scripts.scriptLimits }, scripts.docs),
    cgi: tableOf(cgi.cgiLimits, cgi.docs),
    forms: tableOf(forms.formLimits, forms.docs),
    recycle: tableOf(recycle.recycleLimits, recycle.docs),
  }
}

/** A page with its tables replaced. @param {string} page @param {Record<string, string>} tables */
export function withTables(page, tables) {
  return page.replace(
    /(<!-- limits (\w+) -->\n)[\s\S]*?(<!-- end of limits -->)/g,
    (_, begin, name, end) => `${begin}${tables[name]}\n${end}`,
  )
}

export const limitPages = ['limits', 'fastcgi', 'cgi-script', 'forms', 'process']

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const tables = await limitTables()
  for (const name of limitPages) {
    const file = new URL(`docs/${name}.md`, root)
    writeFileSync(file, withTables(readFileSync(file, 'utf8'), tables))
    console.error(`Wrote ${fileURLToPath(file)}`)
  }
}
