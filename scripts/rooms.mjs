/**
 * The rooms of src/: one row per folder; each folder has one import rule. `npm run lint` checks the tree against
 * this table, docs/decisions/import-rules.md prints it, and test/lint proves that a forbidden import fails.
 */

/** No `node:*`, no timers, no promises, no `process`: bytes in, values out. */
const sansIO = { io: false }
const codecs = ['cgi/codec', 'fastcgi/codec', 'scgi/codec']
const shared = ['core', 'env', ...codecs, 'socket', 'serve']
const adapters = ['cgi/child', 'fastcgi/server', 'scgi/server', 'http/server', 'memory']
const handlers = ['cgi/script']
const joined = [...shared, ...adapters, ...handlers, 'lint', 'app', 'process', 'form']

/**
 * @typedef {object} Room
 * @property {string} what description, for the reader of the table
 * @property {readonly string[]} imports other rooms; its own folder is always allowed
 * @property {boolean} io `node:*`, timers, promises and globals of the process
 * @property {readonly string[]} packages npm packages
 */

/** @param {string} what @param {readonly string[]} imports @param {Partial<Room>} more @returns {Room} */
const room = (what, imports, more = {}) => ({ what, imports, io: true, packages: [], ...more })

/** @type {Readonly<Record<string, Room>>} Folder -> rule; the longest folder that holds a file is its room. */
export const rooms = {
  core: room('shared by everything: exchange, errors', []),
  env: room('converts meta-variables to a request and back', ['core'], sansIO),
  lint: room('findings about environments and output', ['core', 'env'], sansIO),
  'cgi/codec': room('the head of a reply', ['core', 'env'], sansIO),
  'fastcgi/codec': room('records and parameters', ['core', 'env'], sansIO),
  'scgi/codec': room('netstrings', ['core', 'env'], sansIO),
  socket: room('connections, listening, addresses; independent of requests', ['core']),
  serve: room('the request life cycle, shared by all adapters', ['core', 'env', ...codecs, 'socket']),
  'cgi/child': room('adapter: cgiup is the script', shared),
  'fastcgi/server': room('adapter: FastCGI responder', shared),
  'scgi/server': room('adapter: SCGI responder', shared),
  'http/server': room('adapter: HTTP server', shared),
  memory: room('adapter: in-memory requests and replies', shared),
  'cgi/script': room('handler: a script started for each request', shared),
  app: room('handler: fetch apps and Node apps', ['core', 'env', 'cgi/codec']),
  form: room('forms and uploads', ['core'], { packages: ['busboy'] }),
  process: room('one process and its workers', [...shared, ...adapters]),
  pages: room('all HTML that cgiup writes', [...shared, ...handlers, 'lint']),
  host: room('the local host', [...joined, 'pages']),
  run: room('run(): options, detection, launch', [...joined, 'pages', 'host']),
  test: room('the test kit', [...joined, 'pages', 'host', 'run']),
  '': room('public entry points', [...joined, 'pages', 'host', 'run', 'test']),
  cli: room('one file per command', [...joined, 'pages', 'host', 'run', 'test', '']),
}

/** The room of a file below src/; null if its folder has no row. @param {string} path `cgi/codec/head.ts` */
export function roomOf(path) {
  for (let folder = dirOf(path); folder !== ''; folder = dirOf(folder)) if (folder in rooms) return folder
  return path.includes('/') ? null : ''
}

/** @param {string} path */
function dirOf(path) {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

const nameOf = (/** @type {string} */ folder) => (folder === '' ? 'the top of `src`' : `\`${folder}\``)

/** The table of docs/decisions/import-rules.md. */
export function roomTable() {
  const rows = Object.entries(rooms).map(([folder, { what, imports, io, packages }]) => {
    const may = [...imports.map(nameOf), ...(io ? ['`node:*`'] : []), ...packages.map(nameOf)]
    return `| ${nameOf(folder)} | ${what} | ${may.join(', ') || 'nothing'} |`
  })
  return ['| room | what | may import |', '|---|---|---|', ...rows].join('\n')
}
