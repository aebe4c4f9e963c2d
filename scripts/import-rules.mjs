/**
 * Checks every import of src/ against the table in rooms.mjs, and looks for cycles. Types, re-exports and
 * lazy imports count too: a reader has to follow them as well.
 *
 *     node scripts/import-rules.mjs
 */
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseAst } from 'rolldown/parseAst'
import { roomOf, rooms } from './rooms.mjs'

/** Globals for IO or time. */
const ioGlobals = new Set([
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'process', 'Promise'],
  ...['performance', 'console', 'fetch', 'globalThis'],
])

/** @typedef {{ path: string, line: number, text: string }} Finding */

/**
 * Everything that a file imports, and the IO globals that it uses.
 * @param {string} source TypeScript
 * @returns {{ imports: { to: string, at: number }[], globals: { name: string, at: number }[] }}
 */
export function importsOf(source) {
  const imports = []
  const globals = []
  const add = (node) => typeof node?.value === 'string' && imports.push({ to: node.value, at: node.start })
  const visit = (node, parent) => {
    if (node === null || typeof node !== 'object') return
    if (Array.isArray(node)) {
      for (const child of node) visit(child, parent)
      return
    }
    if (/^(?:Import|ExportNamed|ExportAll)Declaration$|^ImportExpression$/.test(node.type)) add(node.source)
    else if (node.type === 'TSImportType') add(node.source?.literal ?? node.source ?? node.argument?.literal)
    else if (node.type === 'Identifier' && ioGlobals.has(node.name) && isReference(node, parent))
      globals.push({ name: node.name, at: node.start })
    else if (node.type === 'AwaitExpression' || (node.async === true && node.type.includes('Function')))
      globals.push({ name: node.type === 'AwaitExpression' ? 'await' : 'async', at: node.start })
    for (const key in node) {
      if (key !== 'type' && key !== 'start' && key !== 'end') visit(node[key], node)
    }
  }
  visit(parseAst(source, { lang: 'ts' }).body, null)
  return { imports, globals }
}

/**
 * Offsets of a file's own code: everything except imports, re-exports and calls without arguments
 * (`beginScript()`).
 * @param {string} source TypeScript
 * @returns {number[]}
 */
function codeOf(source) {
  const isFace = ({ type, declaration, expression }) =>
    type === 'ImportDeclaration' ||
    type === 'ExportAllDeclaration' ||
    (type === 'ExportNamedDeclaration' && !declaration) ||
    (expression?.type === 'CallExpression' && expression.arguments.length === 0)
  return parseAst(source, { lang: 'ts' })
    .body.filter((node) => !isFace(node))
    .map(({ start }) => start)
}

/** Whether an identifier refers to a variable: not the name of a member or key, and not a type. */
function isReference(node, parent) {
  if (parent === null) return true
  if (parent.type === 'MemberExpression') return parent.object === node || parent.computed
  if (parent.type === 'Property') return parent.value === node
  return !parent.type.startsWith('TS') && !/^(?:MethodDefinition|PropertyDefinition)$/.test(parent.type)
}

/**
 * The violations of the rules in a tree of files.
 * @param {Readonly<Record<string, string>>} files path below src/ -> source
 * @returns {Finding[]} in the order of the files
 */
export function check(files) {
  /** @type {Finding[]} */
  const findings = []
  const arrows = new Map()
  for (const [path, source] of Object.entries(files)) {
    const room = roomOf(path)
    const rule = rooms[room]
    const { imports, globals } = importsOf(source)
    const tell = (at, text) => findings.push({ path, line: source.slice(0, at).split('\n').length, text })
    for (const at of room === '' ? codeOf(source) : [])
      tell(at, 'is a public face: its code belongs in a room')
    if (rule === undefined) tell(0, 'is in a folder without a row in scripts/rooms.mjs')
    else {
      for (const { to, at } of imports) {
        const why = refusal(path, to, room, rule)
        if (why !== null) tell(at, why)
      }
      if (!rule.io) for (const { name, at } of globals) tell(at, `${room} does no IO: ${name}`)
    }
    arrows.set(
      path,
      imports.filter(({ to }) => to.startsWith('.')).map(({ to }) => sourceOf(path, to)),
    )
  }
  for (const circle of circlesOf(arrows)) {
    findings.push({ path: circle[0], line: 1, text: `is in a circle: ${circle.join(', ')}` })
  }
  return findings
}

/** Resolves an import: `./x.js` in `a/b.ts` is `a/x.ts`. */
function sourceOf(path, to) {
  return posix.normalize(posix.join(posix.dirname(path), to)).replace(/\.js$/, '.ts')
}

/** Why a file may not import this; null when it may. */
function refusal(path, to, room, rule) {
  if (to.startsWith('node:')) return rule.io ? null : `${room} does no IO: ${to}`
  if (!to.startsWith('.'))
    return rule.packages.includes(to) ? null : `${room} may not import the package ${to}`
  const target = roomOf(sourceOf(path, to))
  if (target === room || (target !== null && rule.imports.includes(target))) return null
  return `${room || 'the top of src'} may not import ${target === '' ? 'a public face' : target}: ${to}`
}

/** Files that import each other, directly or indirectly (Tarjan). @returns {string[][]} */
function circlesOf(arrows) {
  const order = new Map()
  const low = new Map()
  const stack = []
  const circles = []
  const visit = (path) => {
    order.set(path, order.size)
    low.set(path, order.get(path))
    stack.push(path)
    for (const next of arrows.get(path)) {
      if (!arrows.has(next)) continue
      if (!order.has(next)) visit(next)
      if (stack.includes(next)) low.set(path, Math.min(low.get(path), low.get(next)))
    }
    if (low.get(path) !== order.get(path)) return
    const circle = stack.splice(stack.indexOf(path))
    if (circle.length > 1) circles.push(circle.sort())
  }
  for (const path of arrows.keys()) if (!order.has(path)) visit(path)
  return circles
}

/** The files of src/, in the form that {@link check} accepts. */
export function tree(src = new URL('../src/', import.meta.url)) {
  const paths = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
  return Object.fromEntries(paths.sort().map((path) => [path, readFileSync(new URL(path, src), 'utf8')]))
}

/**
 * Prints the findings, if any, and makes the process fail.
 * @param {readonly Finding[]} findings
 * @param {string} rules the file that documents the rules
 */
export function printFindings(findings, rules) {
  for (const { path, line, text } of findings) console.error(`src/${path}:${line}: ${text}`)
  if (findings.length === 0) return
  console.error(`${findings.length} wrong; ${rules}`)
  process.exitCode = 1
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  printFindings(check(tree()), `the table is ${fileURLToPath(new URL('rooms.mjs', import.meta.url))}`)
