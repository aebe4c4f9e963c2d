/**
 * Puts the modules that a CGI request needs into one file, dist/core.js: each module file costs a
 * starting process about half a millisecond (docs/performance.md).
 *
 * The modules' own files become re-exports of it, so that there is one instance of each, and all
 * other files import from it directly. Types are not touched.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { rolldown } from 'rolldown'
import { asScript, commonEntry, moduleEntry } from './core-script.mjs'
import { dynamicImportsOf, edited, exportsOf, importsOf } from './module-ast.mjs'

/** Modules that a request loads, including dynamic imports; their static imports are added. */
const roots = [
  'run/begin.js',
  'run/code-cache.js',
  'run/run.js',
  'run/detect.js',
  'core/errors.js',
  'cgi/child/child.js',
  'cgi/child/stdio.js',
  'app/handler.js',
  'app/fetch.js',
]

const mapComment = '//# sourceMappingURL='

/** The text without the comment that names its source map. */
function read(file) {
  const text = readFileSync(file, 'utf8')
  const at = text.lastIndexOf(`\n${mapComment}`)
  return at < 0 ? text : text.slice(0, at + 1)
}

const isOurs = (specifier) => specifier.startsWith('.')
const specifierFrom = (from, to) => {
  const path = relative(dirname(from), to)
  return path.startsWith('.') ? path : `./${path}`
}

function closure(files, without) {
  const found = new Set()
  const visit = (file) => {
    if (found.has(file) || without.includes(file)) return
    found.add(file)
    for (const { from } of importsOf(read(file))) if (isOurs(from)) visit(resolve(dirname(file), from))
  }
  for (const file of files) visit(file)
  return [...found].sort()
}

/** file -> name -> name in core.js. A name that two modules share gets a number. */
function coreNames(modules) {
  const names = new Map()
  const taken = new Map()
  for (const file of modules) {
    const own = new Map()
    for (const name of exportsOf(read(file))) {
      const times = taken.get(name) ?? 0
      taken.set(name, times + 1)
      own.set(name, times === 0 ? name : `${name}$${times}`)
    }
    names.set(file, own)
  }
  return names
}

/** Importing a built-in module runs all its getters; for node:fs that loads streams. */
function withoutBuiltinImports(code) {
  const edits = importsOf(code)
    .filter(({ from }) => from.startsWith('node:'))
    .map(({ keyword, from, start, end, names, whole }) => {
      const local = names ? `{ ${listOf(names, ': ')} }` : whole
      if (keyword === 'export' || !local) throw new Error(`${code.slice(start, end)}: not supported`)
      return { start, end, text: `const ${local} = process.getBuiltinModule('${from}');` }
    })
  return edited(code, edits)
}

/**
 * A dynamic import of a module in the same file has nothing to load, and would make the bundle initialize its
 * modules lazily.
 */
function withoutInnerImports(code, file, names) {
  const inner = dynamicImportsOf(code).filter(({ from }) => from && names.has(resolve(dirname(file), from)))
  const text = edited(
    code,
    inner.map(({ start, end }, i) => ({ start, end, text: `Promise.resolve(inner${i})` })),
  )
  // At the end, so that line numbers do not change.
  return [text, ...inner.map(({ from }, i) => `import * as inner${i} from '${from}';`)].join('\n')
}

/** A map of names as `a, b as c`. */
const listOf = (pairs, as = ' as ') =>
  pairs.map(([from, to]) => (from === to ? from : `${from}${as}${to}`)).join(', ')

async function bundleText(names, core, dir) {
  const entry = [...names].map(([file, own]) =>
    own.size ? `export { ${listOf([...own])} } from '${file}'` : `import '${file}'`,
  )
  const bundle = await rolldown({
    input: 'cgiup:core',
    platform: 'neutral',
    treeshake: false,
    plugins: [
      {
        name: 'cgiup',
        resolveId(id, from) {
          if (id === 'cgiup:core') return id
          if (id.startsWith('node:')) return { id, external: true }
          const file = id.startsWith('.') ? resolve(dirname(from), id) : id
          return names.has(file) ? file : { id: specifierFrom(core, file), external: true }
        },
        load(id) {
          return id === 'cgiup:core'
            ? entry.join('\n')
            : { code: withoutInnerImports(withoutBuiltinImports(read(id)), id, names), map: mapOf(id) }
        },
      },
    ],
  })
  const { output } = await bundle.generate({
    format: 'esm',
    codeSplitting: false,
    comments: false,
    sourcemap: 'hidden',
  })
  const [chunk, ...others] = output.filter(({ type }) => type === 'chunk')
  if (others.length > 0) throw new Error(`expected one file, got ${others.map((o) => o.fileName).join(', ')}`)
  return {
    // The module's path, without the name of the build folder.
    code: chunk.code.replaceAll(relative('.', dir), 'dist'),
    exports: chunk.exports,
    map: withSourcesFrom(chunk.map, relative(dirname(core), join(dir, '..', 'src'))),
  }
}

/** The source map that tsc wrote beside a file. */
const mapOf = (file) => JSON.parse(readFileSync(`${file}.map`, 'utf8'))

/**
 * Names TypeScript sources by their path in the repository. Their text is in the map, because the package
 * does not contain them. @param src the folder of the sources, relative to the map
 */
function withSourcesFrom({ mappings, names, sources, sourcesContent }, src) {
  const place = (source) => source.replace(/^.*?(?:^|\/)src\//, `${src}/`)
  return { version: 3, sources: sources.map(place), sourcesContent, names, mappings }
}

/** Imports of bundled modules become imports of the bundle. */
function redirected(file, names, core) {
  const code = read(file)
  const edits = importsOf(code).flatMap(({ keyword, from, start, end, names: list }) => {
    const own = names.get(resolve(dirname(file), from))
    if (!own) return []
    if (!list) throw new Error(`${file}: this form of import is not supported: ${code.slice(start, end)}`)
    const renamed = list.map(([name, as]) => {
      if (!own.has(name)) throw new Error(`${file}: ${name} is not exported by ${from}`)
      return [own.get(name), as]
    })
    return { start, end, text: `${keyword} { ${listOf(renamed)} } from '${specifierFrom(file, core)}';` }
  })
  return edited(code, edits)
}

const reversed = ([name, as]) => [as, name]

/** Bundles the output of tsc in `dir`. */
export async function bundle(dir) {
  const core = join(dir, 'core.js')
  const index = join(dir, 'index.js')
  const published = exportsOf(read(index))
  const files = roots.map((file) => join(dir, file))
  const whole = await bundleInto(core, files, dir, [])
  const { code, hash, map } = asScript(whole)
  const missing = published.filter((name) => !whole.exports.includes(name))
  if (missing.length > 0)
    throw new Error(`${missing.join(', ')}: exported by index.js, but not by the bundle`)
  writeFileSync(core, moduleEntry(hash, whole.exports))
  writeFileSync(index, moduleEntry(hash, published, true))
  writeFileSync(join(dir, 'index.cjs'), commonEntry(hash, published))
  // Separate types for require(): those of index.d.ts say "ES module".
  writeFileSync(join(dir, 'index.d.cts'), "export * from './index.js'\n")
  // Loaded for Node apps only.
  const node = join(dir, 'app/node.js')
  const forNode = await bundleInto(node, [node], dir, [core, index])
  // What a `#!/usr/bin/env cgiup` script loads in addition: the command, and the loader of app files.
  const command = join(dir, 'cli/run.js')
  const forCommand = await bundleInto(command, [command, join(dir, 'cli/launch.js')], dir, [
    core,
    node,
    index,
  ])
  for (const file of filesIn(dir, '.js.map')) rmSync(file)
  for (const file of filesIn(dir, '.js')) writeFileSync(file, read(file))
  writeWithMap(join(dir, 'core.code.js'), code, map)
  writeWithMap(node, forNode.code, forNode.map)
  writeWithMap(command, forCommand.code, forCommand.map)
}

const filesIn = (dir, end) =>
  readdirSync(dir, { recursive: true })
    .filter((name) => name.endsWith(end))
    .map((name) => join(dir, name))

function writeWithMap(file, code, map) {
  writeFileSync(file, `${code.trimEnd()}\n${mapComment}${basename(file)}.map\n`)
  writeFileSync(`${file}.map`, JSON.stringify(map))
}

/** @param before finished bundles: the modules in them are imported from there */
async function bundleInto(target, files, dir, before) {
  const names = coreNames(closure(files, before))
  const result = await bundleText(names, target, dir)
  for (const file of filesIn(dir, '.js')) {
    if (file === target || before.includes(file)) continue
    const own = names.get(file)
    const list = own && listOf([...own].map(reversed))
    writeFileSync(
      file,
      own ? `export { ${list} } from '${specifierFrom(file, target)}';\n` : redirected(file, names, target),
    )
  }
  writeFileSync(target, result.code)
  return result
}
