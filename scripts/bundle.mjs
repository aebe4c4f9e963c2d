/**
 * Puts the modules that a CGI request needs into one file, dist/core.js: each module file costs a
 * starting process about half a millisecond (docs/performance.md).
 *
 * The modules' own files become re-exports of it, so that there is one instance of each, and all
 * other files import from it directly. Types are not touched.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { rolldown } from 'rolldown'
import { asScript, commonEntry, moduleEntry } from './core-script.mjs'

/** What a request loads, dynamic imports included; with what these import statically. */
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

const read = (file) => readFileSync(file, 'utf8')
const specifierFrom = (from, to) => {
  const path = relative(dirname(from), to)
  return path.startsWith('.') ? path : `./${path}`
}

/** Static imports and re-exports as tsc writes them: clause, specifier. */
const STATIC = /^(import|export)\b([^'";]*?)\bfrom '(\.[^']+)';$/gm

function closure(files, without) {
  const found = new Set()
  const visit = (file) => {
    if (found.has(file) || without.includes(file)) return
    found.add(file)
    for (const [, , , specifier] of read(file).matchAll(STATIC)) visit(resolve(dirname(file), specifier))
  }
  for (const file of files) visit(file)
  return [...found].sort()
}

/** Names that a module exports, as tsc writes them. */
function exportsOf(file) {
  const names = new Set()
  const text = read(file)
  for (const [, name] of text.matchAll(/^export (?:async )?(?:class|function\*?|const|let) ([\w$]+)/gm))
    names.add(name)
  for (const [, list] of text.matchAll(/^export \{([^}]*)\}/gm)) {
    for (const item of list.split(',')) if (item.trim()) names.add(item.trim().split(/ as /).at(-1))
  }
  if (/^export (?:default|\*)/m.test(text))
    throw new Error(`${file}: a form of export that this script does not know`)
  return [...names]
}

/** file -> name -> name in core.js. Names that two modules have get a number. */
function coreNames(modules) {
  const names = new Map()
  const taken = new Map()
  for (const file of modules) {
    const own = new Map()
    for (const name of exportsOf(file)) {
      const times = taken.get(name) ?? 0
      taken.set(name, times + 1)
      own.set(name, times === 0 ? name : `${name}$${times}`)
    }
    names.set(file, own)
  }
  return names
}

/** `import` of a built-in makes all its getters run, for node:fs that loads streams. */
function withoutBuiltinImports(code) {
  return code.replace(/^import (.+?) from '(node:[^']+)';$/gm, (_, clause, name) => {
    const builtin = `process.getBuiltinModule('${name}')`
    if (clause.startsWith('* as ')) return `const ${clause.slice(5)} = ${builtin};`
    if (clause.startsWith('{')) return `const ${clause.replace(/ as /g, ': ')} = ${builtin};`
    return `const ${clause} = ${builtin};`
  })
}

/** A dynamic import of what is in the same file has nothing to load, and would make all of it lazy. */
function withoutInnerImports(code, file, names) {
  const found = []
  const text = code.replace(/\bimport\('(\.[^']+)'\)/g, (whole, specifier) => {
    if (!names.has(resolve(dirname(file), specifier))) return whole
    found.push(`import * as inner${found.length} from '${specifier}';`)
    return `Promise.resolve(inner${found.length - 1})`
  })
  return `${found.join('\n')}\n${text}`
}

/** `a, b as c` of a map of names. */
const listOf = (pairs) => pairs.map(([from, as]) => (from === as ? from : `${from} as ${as}`)).join(', ')

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
            : withoutInnerImports(withoutBuiltinImports(read(id)), id, names)
        },
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false, comments: false })
  if (output.length !== 1)
    throw new Error(`expected one file, got ${output.map((o) => o.fileName).join(', ')}`)
  // Where a module came from, without the name of the folder it was built in.
  return output[0].code.replaceAll(relative('.', dir), 'dist')
}

/** Imports of bundled modules become imports of the bundle. */
function redirected(file, names, core) {
  return read(file).replace(STATIC, (whole, keyword, clause, specifier) => {
    const own = names.get(resolve(dirname(file), specifier))
    if (!own) return whole
    const list = /^\s*\{([^}]*)\}\s*$/.exec(clause)
    if (!list) throw new Error(`${file}: a form of import that this script does not know: ${whole}`)
    const items = list[1].split(',').map((item) => item.trim().split(/ as /))
    const renamed = items
      .filter(([name]) => name)
      .map(([name, as = name]) => {
        if (!own.has(name)) throw new Error(`${file}: ${name} is not exported by ${specifier}`)
        return [own.get(name), as]
      })
    return `${keyword} { ${listOf(renamed)} } from '${specifierFrom(file, core)}';`
  })
}

const reversed = ([name, as]) => [as, name]

/** Bundles the output of tsc in `dir`. */
export async function bundle(dir) {
  const core = join(dir, 'core.js')
  const index = join(dir, 'index.js')
  const published = exportsOf(index)
  const files = roots.map((file) => join(dir, file))
  await bundleInto(core, files, dir, [])
  const { code, hash } = asScript(read(core))
  const missing = published.filter((name) => !exportsOf(core).includes(name))
  if (missing.length > 0)
    throw new Error(`${missing.join(', ')}: exported by index.js, but not by the bundle`)
  writeFileSync(join(dir, 'core.code.js'), code)
  writeFileSync(core, moduleEntry(hash, exportsOf(core)))
  writeFileSync(index, moduleEntry(hash, published, true))
  writeFileSync(join(dir, 'index.cjs'), commonEntry(hash, published))
  // Types of their own for require(): those of index.d.ts say "ES module".
  writeFileSync(join(dir, 'index.d.cts'), "export * from './index.js'\n")
  // Loaded for Node apps only.
  const node = join(dir, 'app/node.js')
  await bundleInto(node, [node], dir, [core, index])
  // What a `#!/usr/bin/env cgiup` script loads besides: the command, and the loader of app files.
  const command = join(dir, 'cli/run.js')
  await bundleInto(command, [command, join(dir, 'cli/launch.js')], dir, [core, node, index])
}

/** @param before bundles that are done: what is in them is imported from there */
async function bundleInto(target, files, dir, before) {
  const names = coreNames(closure(files, before))
  const text = await bundleText(names, target, dir)
  for (const entry of readdirSync(dir, { recursive: true })) {
    const file = join(dir, entry)
    if (!file.endsWith('.js') || file === target || before.includes(file)) continue
    const own = names.get(file)
    const list = own && listOf([...own].map(reversed))
    writeFileSync(
      file,
      own ? `export { ${list} } from '${specifierFrom(file, target)}';\n` : redirected(file, names, target),
    )
  }
  writeFileSync(target, text)
}
