/**
 * Checks the names of src/: an exported name is declared once in the tree, constants are camelCase, and a
 * function of more than one expression is a `function` (CONTRIBUTING.md, "One dialect").
 *
 *     node scripts/names.mjs
 */
import { pathToFileURL } from 'node:url'
import { parseAst } from 'rolldown/parseAst'
import { printFindings, tree } from './import-rules.mjs'

/** @typedef {import('./import-rules.mjs').Finding} Finding */

/**
 * The violations of the rules in a tree of files.
 * @param {Readonly<Record<string, string>>} files path below src/ -> source
 * @returns {Finding[]} in the order of the files
 */
export function checkNames(files) {
  /** @type {Finding[]} */
  const found = []
  /** @type {Map<string, string>} an exported name -> the file that declared it first */
  const makers = new Map()
  for (const [path, source] of Object.entries(files)) {
    const report = (/** @type {number} */ at, /** @type {string} */ text) =>
      found.push({ path, line: source.slice(0, at).split('\n').length, text })
    for (const { name, start, exported, init } of declarationsOf(source)) {
      const maker = makers.get(name)
      if (exported && maker !== undefined && maker !== path)
        report(start, `${name} is exported by ${maker} too; an exported name is declared once`)
      else if (exported) makers.set(name, path)
      if (init === undefined) continue
      if (/^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*$/.test(name)) report(start, `${name}: constants are camelCase`)
      if (init?.type === 'ArrowFunctionExpression' && init.body.type === 'BlockStatement')
        report(start, `${name} has statements: write function ${name}()`)
    }
  }
  return found
}

/** The declarations at the top level of a file; `init` only for constants without a declared type. */
function* declarationsOf(source) {
  for (const node of parseAst(source, { lang: 'ts' }).body) {
    const exported = node.type === 'ExportNamedDeclaration'
    const declaration = exported ? node.declaration : node
    const { start } = node
    if (declaration?.type === 'VariableDeclaration') {
      for (const { id, init } of declaration.declarations)
        if (id.type === 'Identifier')
          yield { name: id.name, start, exported, init: id.typeAnnotation ? null : init }
    } else if (declaration?.id && /(?:Declaration|^TSDeclareFunction)$/.test(declaration.type))
      yield { name: declaration.id.name, start, exported }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  printFindings(checkNames(tree()), 'CONTRIBUTING.md has the rules')
