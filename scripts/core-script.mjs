/**
 * The bundle as a script with a code cache: V8 need not compile what it has compiled before, which
 * is most of what the package costs a CGI process (docs/performance.md).
 *
 * dist/core.code.js is one function that returns everything; three small files load it, once in a
 * process: core.js for the other modules, index.js for `import`, index.cjs for `require()`.
 */
import { createHash } from 'node:crypto'

/** `export { a, b as c };` at the end of a bundle. */
const EXPORTS = /^export \{([^}]*)\};?\s*$/m

/** @returns the script, and a name for exactly this text */
export function asScript(bundle) {
  const found = EXPORTS.exec(bundle)
  if (!found || /^(import|export) /m.test(bundle.slice(0, found.index))) {
    throw new Error('the bundle has imports, or more than one list of exports')
  }
  const members = found[1]
    .split(',')
    .map((item) => item.trim().split(/ as /))
    .filter(([name]) => name)
    .map(([name, as]) => (as ? `${as}: ${name}` : name))
  const body = bundle.slice(0, found.index).replace(/\bimport\(/g, '$$import(')
  const text = `(function ($import) {\n'use strict';\n${body}return {\n${members.join(',\n')}\n};\n})\n`
  // Read as Latin-1, which is cheaper than UTF-8.
  const code = text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return { code, hash: createHash('sha256').update(code).digest('hex').slice(0, 16) }
}

/**
 * The cache lies beside the code: who can write there can change the code as well. It is for one
 * version of Node with the same flags; V8 refuses any other.
 */
const loader = (hash) => `
const key = Symbol.for('cgiup.core.${hash}');
const given = process.execArgv.join('') + (process.env.NODE_OPTIONS ?? '');
const flags = given && given.replace(/\\W+/g, '-').slice(0, 80);
const folder = directory + '/.cache';
const cache = folder + '/${hash}-' + process.version + '-' + process.arch + flags;

function load() {
    const { readFileSync } = process.getBuiltinModule('node:fs');
    const filename = directory + '/core.code.js';
    let cachedData;
    try {
        cachedData = readFileSync(cache);
    }
    catch {
        // Not made yet.
    }
    const { Script } = process.getBuiltinModule('node:vm');
    const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData });
    const core = script.runInThisContext()((specifier) => import(specifier));
    const save = cachedData && !script.cachedDataRejected ? undefined : () => keep(script);
    Object.defineProperty(globalThis, key, { value: { core, save } });
    return globalThis[key];
}

/** After a request, when what a request needs has been compiled. Whole or not at all. */
function keep(script) {
    const fs = process.getBuiltinModule('node:fs');
    try {
        fs.accessSync(directory, fs.constants.W_OK);
        fs.mkdirSync(folder, { recursive: true, mode: 0o755 });
        const next = cache + '.' + process.pid;
        fs.writeFileSync(next, script.createCachedData(), { mode: 0o644 });
        fs.renameSync(next, cache);
    }
    catch {
        // Not ours to write: the next process compiles again.
    }
}

const { core, save } = globalThis[key] ?? load();
`

/** @param published what it exports  @param entry it is what the app imports */
export function moduleEntry(hash, published, entry = false) {
  const begin = entry ? 'core.beginScript(save);\n' : ''
  return `const directory = import.meta.dirname;${loader(hash)}export const { ${published.join(', ')} } = core;\n${begin}`
}

export function commonEntry(hash, published) {
  const list = published.map((name) => `exports.${name} = core.${name};`).join('\n')
  return `'use strict';\nconst directory = __dirname;${loader(hash)}${list}\ncore.beginScript(save);\n`
}
