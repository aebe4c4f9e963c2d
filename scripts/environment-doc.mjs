/**
 * Writes the tables of docs/environment.md, each between its two markers, from the data that the translator
 * and its tests use.
 *
 *     npm run docs
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = new URL('../', import.meta.url)
const documentFile = new URL('docs/environment.md', root)
const lossesFile = new URL('test/fixtures/captures/losses.json', root)

const cell = (text) => text.replaceAll('|', '\\|').replaceAll('*', '\\*').replaceAll('<', '&lt;')
const code = (text) => `\`${text}\``

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function variables(metaVariables) {
  const head = ['variable', 'clause', 'level', 'sent by', 'repeats', 'in the request', 'for scripts']
  const rows = metaVariables.map((row) => [
    code(row.name),
    row.clause,
    row.level,
    cell(row.sent),
    row.repeats === 'last' ? 'last wins' : `joined with ${code(row.repeats)}`,
    cell(row.request) || '-',
    row.script,
  ])
  return table(head, rows)
}

function repairTable(repairs) {
  const head = ['name', 'servers', 'what arrives', 'what an app gets', 'known from', 'can be switched off']
  const rows = repairs.map(({ name, servers, seen, done, source, security }) => [
    code(name),
    cell(servers),
    cell(seen),
    cell(done),
    cell(source),
    security === null ? 'yes' : `no (security): ${cell(security)}`,
  ])
  return table(head, rows)
}

/**
 * The servers that differ from an unknown server in a trait, and the value of that trait if it is not a
 * boolean.
 */
function serversWith(trait, servers, unknownServer) {
  const found = new Map()
  for (const { [trait]: value, name } of servers) if (value !== unknownServer[trait]) found.set(name, value)
  const shown = ([name, value]) => (typeof value === 'string' ? `${name} (${value})` : name)
  const words = typeof unknownServer[trait] === 'boolean' && unknownServer[trait] ? 'all but ' : ''
  return words + [...found].map(shown).join(', ')
}

function serverTable({ servers, unknownServer, traitNotes }) {
  const head = ['what the server does', 'servers', 'how it is treated']
  const rows = Object.entries(traitNotes).map(([trait, { seen, done }]) => [
    cell(seen),
    cell(serversWith(trait, servers, unknownServer)),
    cell(done),
  ])
  return table(head, rows)
}

function rowTable({ rows, rowNotes }) {
  const head = ['row', 'when', 'path and query that the app gets']
  return table(
    head,
    rows.map(({ name }) => [code(name), cell(rowNotes[name].when), cell(rowNotes[name].gets)]),
  )
}

function lossTable(losses) {
  const head = ['servers', 'requests', 'what is lost', 'why']
  const servers = (modes) => modes.map((mode) => mode.replace(/-$/, '') || 'all').join(', ')
  return table(
    head,
    losses.map(({ modes, requests, fields, why }) => [
      servers(modes),
      cell(requests.join(', ')),
      cell(fields.join(', ')),
      cell(why),
    ]),
  )
}

function lintTable(rules) {
  const head = ['code', 'level', 'clause', 'variable', 'what to do']
  const row = (rule) => [code(rule.code), rule.level, rule.clause, code(rule.variable), cell(rule.fix)]
  return table(head, rules.map(row))
}

/** The document with its tables recreated. */
export function environmentDocument(
  text,
  { metaVariables, rows, servers, repairs, environmentRules, losses },
) {
  const tables = {
    variables: variables(metaVariables),
    rows: rowTable(rows),
    servers: serverTable(servers),
    repairs: repairTable(repairs),
    losses: lossTable(losses),
    lint: lintTable(environmentRules),
  }
  let out = text
  for (const [name, made] of Object.entries(tables)) {
    const marks = new RegExp(`(<!-- ${name}:[^\\n]*-->\\n)[^]*?(<!-- /${name} -->)`)
    if (!marks.test(out)) throw new Error(`docs/environment.md has no place for ${name}`)
    out = out.replace(marks, (_, open, close) => `${open}\n${made}\n\n${close}`)
  }
  return out
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const load = (path) => import(new URL(`dist/env/${path}`, root).href)
  const { metaVariables } = await load('table.js')
  const rows = { ...(await load('rows.js')), ...(await load('row-notes.js')) }
  const { repairs } = await load('repair-table.js')
  const { traitNotes } = await load('server-notes.js')
  const { oldNginx, servers: byProduct, unknownServer } = await load('server.js')
  const servers = { servers: [...Object.values(byProduct), oldNginx], unknownServer, traitNotes }
  const { environmentRules } = await load('../lint/environment.js')
  const losses = JSON.parse(readFileSync(lossesFile, 'utf8'))
  const data = { metaVariables, rows, servers, repairs, environmentRules, losses }
  writeFileSync(documentFile, environmentDocument(readFileSync(documentFile, 'utf8'), data))
  console.error(`Wrote ${fileURLToPath(documentFile)}`)
}
