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
 * The cache lies beside the code, and is loaded only when nobody but those who can write the code can have
 * written it. V8 checks its own version and flags, but no content: a damaged file would end the process, so it
 * holds its content twice (src/run/code-cache.ts). A Node that was rebuilt may have the same version; its
 * size and date are part of the name. What is checked here comes before every request: no loops over the file.
 */
const loader = (hash) => `
const key = Symbol.for('cgiup.core.${hash}');

function load() {
    const { readFileSync, statSync } = process.getBuiltinModule('node:fs');
    const filename = directory + '/core.code.js';
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
