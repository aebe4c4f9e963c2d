/**
 * Turns the bundle into a script with a code cache: V8 then need not compile it again, which is most of the
 * package's cost in a CGI process (docs/performance.md).
 *
 * dist/core.code.js is one function that returns everything; three small files load it, once per process:
 * core.js for the other modules, index.js for `import`, index.cjs for `require()`.
 */
import { createHash } from 'node:crypto'
import { parseAst } from 'rolldown/parseAst'
import { dynamicImportsOf, edited } from './module-ast.mjs'

/**
 * @param {{ code: string, map: { mappings: string } }} bundle an ES module without imports
 * @returns the script, its source map, and a hash that names exactly this text
 */
export function asScript({ code, map }) {
  const { body } = parseAst(code)
  const moduleParts = body.filter(({ type }) => /^(?:Import|Export)/.test(type))
  const [list] = moduleParts
  if (moduleParts.length !== 1 || list !== body.at(-1) || list.source || list.declaration)
    throw new Error('the bundle has imports, or more than one list of exports')
  const members = list.specifiers.map(({ local, exported }) =>
    local.name === exported.name ? local.name : `${exported.name}: ${local.name}`,
  )
  const calls = dynamicImportsOf(code).map(({ start }) => ({ start, end: start, text: '$' }))
  const inside = edited(code.slice(0, list.start), calls)
  const before = "(function ($import) {\n'use strict';\n"
  const text = `${before}${inside}return {\n${members.join(',\n')}\n};\n})\n`
  // ASCII can be read as Latin-1, which is cheaper than UTF-8.
  const ascii = text.replace(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  const hash = createHash('sha256').update(ascii).digest('hex').slice(0, 16)
  return { code: ascii, hash, map: { ...map, mappings: ';'.repeat(2) + map.mappings } }
}

/**
 * The cache is beside the code, and is loaded only if nobody but the users who can write the code can have
 * written the cache. V8 checks its own version and flags, but not the content: a damaged file would crash the
 * process, so the file holds its content twice (src/run/code-cache.ts). A rebuilt Node may have the same
 * version, so its size and date are part of the name. These checks run before every request: no loops over
 * the file.
 */
const loader = (hash) => `
const key = Symbol.for('cgiup.core.${hash}');

function load() {
    const { readFileSync, statSync } = process.getBuiltinModule('node:fs');
    const filename = directory + '/core.code.js';
    if (process.sourceMapsEnabled) return loadAsModule(filename, readFileSync(filename, 'latin1'));
    const folder = directory + '/.cache';
    const ifThere = { throwIfNoEntry: false };
    const code = statSync(filename);
    const node = statSync(process.execPath, ifThere);
    let tag = 0;
    const facts = [node?.size, node?.mtimeMs, process.execArgv, process.env.NODE_OPTIONS].join();
    for (let i = 0; i < facts.length; i++) tag = Math.imul(tag ^ facts.charCodeAt(i), 16777619);
    const cache = folder + '/${hash}-' + process.version + '-' + process.arch + '-' + (tag >>> 0).toString(36);
    const user = process.geteuid?.();
    const trusted = (stat) =>
        stat !== undefined && (stat.uid === user || stat.uid === 0 || stat.uid === code.uid) && (stat.mode & 0o022 & ~code.mode) === 0;
    let found = 'nothing';
    let cachedData;
    try {
        const stat = trusted(statSync(folder, ifThere)) ? statSync(cache, ifThere) : undefined;
        if (stat?.isFile() && trusted(stat)) {
            found = 'damaged';
            const bytes = readFileSync(cache);
            const half = bytes.length / 2;
            if (half > 8 && bytes.readUInt32LE(0) === 0x63676970 && bytes.subarray(0, half).equals(bytes.subarray(half)))
                cachedData = bytes.subarray(8, 8 + bytes.readUInt32LE(4));
        }
    }
    catch {
        // Not ours to read.
    }
    const { Script } = process.getBuiltinModule('node:vm');
    const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData });
    const core = script.runInThisContext()((specifier) => import(specifier));
    if (script.cachedDataRejected) found = 'refused';
    const save = script.cachedDataRejected === false ? undefined : () => core.keepCode(script, { directory, folder, cache, mode: code.mode, trusted, found });
    Object.defineProperty(globalThis, key, { value: { core, save } });
    return globalThis[key];
}

/** Node reads the source maps of modules, and not those of scripts. It forgets them with the module. */
function loadAsModule(filename, code) {
    const { Module } = process.getBuiltinModule('node:module');
    const module = new Module(filename);
    module._compile('module.exports = ' + code, filename);
    const core = module.exports((specifier) => import(specifier));
    Object.defineProperty(globalThis, key, { value: { core, save: undefined, module } });
    return globalThis[key];
}

const { core, save } = globalThis[key] ?? load();
`

/** @param published names that it exports @param entry whether the app imports it */
export function moduleEntry(hash, published, entry = false) {
  const begin = entry ? 'core.beginScript(save);\n' : ''
  return `const directory = import.meta.dirname;${loader(hash)}export const { ${published.join(', ')} } = core;\n${begin}`
}

export function commonEntry(hash, published) {
  const list = published.map((name) => `exports.${name} = core.${name};`).join('\n')
  return `'use strict';\nconst directory = __dirname;${loader(hash)}${list}\ncore.beginScript(save);\n`
}
