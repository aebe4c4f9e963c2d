/**
 * Imports and exports of a module, from the bundler's own parser, and edits of its text that keep its lines
 * where they are, so that its source map stays right.
 */
import { parseAst } from 'rolldown/parseAst'

/**
 * `import` and `export … from`.
 * @typedef {object} Import
 * @property {'import' | 'export'} keyword
 * @property {string} from specifier
 * @property {number} start
 * @property {number} end
 * @property {[string, string][] | null} names `[name in that module, name in this one]`; null if it is not a
 * list of names
 * @property {string | null} whole name of the namespace or the default import, if nothing else is imported
 * @property {boolean} isNamespace
 */

const nameOf = (node) => node.name ?? node.value

/** @returns {Import | null} */
function importOf(node) {
  const { type, source, specifiers = [], start, end } = node
  if (type === 'ExportAllDeclaration')
    return { keyword: 'export', from: source.value, start, end, names: null, whole: null, isNamespace: false }
  if ((type !== 'ImportDeclaration' && type !== 'ExportNamedDeclaration') || !source) return null
  const keyword = type === 'ImportDeclaration' ? 'import' : 'export'
  const listed = specifiers.every((one) => one.type === 'ImportSpecifier' || one.type === 'ExportSpecifier')
  const pairOf = (one) =>
    keyword === 'import'
      ? [nameOf(one.imported), nameOf(one.local)]
      : [nameOf(one.local), nameOf(one.exported)]
  const [only, more] = specifiers
  return {
    keyword,
    from: source.value,
    start,
    end,
    names: listed ? specifiers.map(pairOf) : null,
    whole: !listed && more === undefined ? nameOf(only.local) : null,
    isNamespace: only?.type === 'ImportNamespaceSpecifier',
  }
}

/** @param {string} code JavaScript  @returns {Import[]} static ones */
export const importsOf = (code) =>
  parseAst(code)
    .body.map(importOf)
    .filter((found) => found !== null)

/** @param {string} code JavaScript  @returns {string[]} names that it exports */
export function exportsOf(code) {
  return parseAst(code).body.flatMap((node) => {
    if (node.type === 'ExportDefaultDeclaration' || node.type === 'ExportAllDeclaration')
      throw new Error(`${code.slice(node.start, node.end)}: this form of export is not supported`)
    if (node.type !== 'ExportNamedDeclaration') return []
    const { declaration, specifiers } = node
    if (!declaration) return specifiers.map((one) => nameOf(one.exported))
    if (declaration.id) return [declaration.id.name]
    return declaration.declarations.map(({ id }) => {
      if (id.type !== 'Identifier') throw new Error(`${code.slice(id.start, id.end)}: not a name`)
      return id.name
    })
  })
}

/** @param {string} code JavaScript  @returns {{ start: number, end: number, from: string | null }[]} `import(…)` */
export function dynamicImportsOf(code) {
  const found = []
  const visit = (node) => {
    if (node === null || typeof node !== 'object') return
    if (node.type === 'ImportExpression')
      found.push({ start: node.start, end: node.end, from: node.source.value ?? null })
    for (const key in node) if (key !== 'loc') visit(node[key])
  }
  visit(parseAst(code).body)
  return found
}

/**
 * @param {string} code
 * @param {{ start: number, end: number, text: string }[]} edits
 */
export function edited(code, edits) {
  let text = code
  for (const { start, end, text: now } of edits.toSorted((a, b) => b.start - a.start)) {
    const lines = code.slice(start, end).split('\n').length - now.split('\n').length
    text = text.slice(0, start) + now + '\n'.repeat(Math.max(0, lines)) + text.slice(end)
  }
  return text
}
