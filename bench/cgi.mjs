/**
 * The cost of one CGI request: `npm run bench:cgi [-- --runs 41] [--only name,name] [--node path]`.
 *
 * The programs answer the same request in turn, so that load on the machine affects all of them equally. CPU
 * is user and system time from the kernel; medians, as ratios to `node empty.cjs`. Run `npm run build` first.
 */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '21' },
    only: { type: 'string', default: '' },
    node: { type: 'string', default: process.execPath },
  },
})

const root = fileURLToPath(new URL('..', import.meta.url))
const place = mkdtempSync(join(tmpdir(), 'cgiup-bench-'))
const { node } = options

const text = 'hello /hello'
const fetchApp = `{ fetch: (request) => new Response('hello ' + new URL(request.url).pathname) }`
const hono = `import { Hono } from 'hono'
const app = new Hono()
app.get('*', (c) => c.text('hello ' + c.req.path))
`
const express = `import express from 'express'
const app = express()
app.get('/hello', (req, res) => res.type('text').send('hello ' + req.path))
`
const honoCommon = hono.replace("import { Hono } from 'hono'", "const { Hono } = require('hono')")
const expressCommon = express.replace("import express from 'express'", "const express = require('express')")
const byHand = (fetch) => `
const env = process.env
const request = new Request('http://' + env.HTTP_HOST + env.REQUEST_URI, { method: env.REQUEST_METHOD })
const response = await ${fetch}(request)
let head = 'Status: ' + response.status + '\\r\\n'
for (const [name, value] of response.headers) head += name + ': ' + value + '\\r\\n'
process.stdout.write(head + '\\r\\n' + (await response.text()))
`

/** name, program, file name, source text; optionally a goal as a ratio to the first row. */
const programs = [
  ['node, nothing (CommonJS)', [node], 'empty.cjs', ''],
  ['node -e 0', [node, '-e', '0'], null, null],
  ['node, nothing (ESM)', [node], 'empty.mjs', ''],
  ['cgiup, fetch app, ESM', [node], 'fetch.mjs', `import { run } from 'cgiup'\nrun(${fetchApp})`, 1.45],
  [
    'cgiup, fetch app, CommonJS',
    [node],
    'fetch.cjs',
    `const { run } = require('cgiup')\nrun(${fetchApp})`,
    1.25,
  ],
  [
    'cgiup, handler, ESM',
    [node],
    'handler.mjs',
    `import { handler, run } from 'cgiup'\nrun(handler(() => ({ status: 200, headers: ['Content-Type', 'text/plain'], body: '${text}' })))`,
  ],
  ['fetch app by hand, ESM', [node], 'by-hand.mjs', `const app = ${fetchApp}\n${byHand('app.fetch')}`],
  ['Hono, loaded only', [node], 'hono-load.mjs', hono],
  ['Hono, loaded only, CommonJS', [node], 'hono-load.cjs', honoCommon],
  [
    'cgiup, Hono, CommonJS',
    [node],
    'hono.cjs',
    `${honoCommon}const { run } = require('cgiup')\nrun(app)`,
    2.0,
  ],
  ['cgiup, Hono', [node], 'hono.mjs', `${hono}import { run } from 'cgiup'\nrun(app)`, 2.0],
  ['Hono by hand', [node], 'hono-by-hand.mjs', `${hono}${byHand('app.fetch')}`],
  ['Express, loaded only', [node], 'express-load.mjs', express],
  ['cgiup, Express', [node], 'express.mjs', `${express}import { run } from 'cgiup'\nrun(app)`, 3.6],
  ['Express, loaded only, CommonJS', [node], 'express-load.cjs', expressCommon],
  [
    'cgiup, Express, CommonJS',
    [node],
    'express.cjs',
    `${expressCommon}const { run } = require('cgiup')\nrun(app)`,
    3.6,
  ],
  [
    'Perl, print',
    ['perl'],
    'print.pl',
    `print "Status: 200\\r\\nContent-Type: text/plain\\r\\n\\r\\nhello $ENV{REQUEST_URI}"`,
  ],
  [
    'Perl, CGI.pm',
    ['perl'],
    'cgi.pl',
    `use CGI; my $q = CGI->new; print $q->header('text/plain'), 'hello ', $q->url(-absolute => 1, -path => 1)`,
  ],
  [
    'Python, print',
    ['python3'],
    'print.py',
    `import os\nprint('Status: 200\\r\\nContent-Type: text/plain\\r\\n\\r\\nhello ' + os.environ['REQUEST_URI'], end='')`,
  ],
]

/** Without NODE_OPTIONS and NODE_EXTRA_CA_CERTS: the latter alone costs 50 ms per start. */
const env = {
  PATH: process.env.PATH,
  GATEWAY_INTERFACE: 'CGI/1.1',
  SERVER_SOFTWARE: 'Apache/2.4',
  SERVER_PROTOCOL: 'HTTP/1.1',
  SERVER_NAME: 'localhost',
  SERVER_PORT: '80',
  SERVER_ADDR: '127.0.0.1',
  REMOTE_ADDR: '127.0.0.1',
  REMOTE_PORT: '50000',
  REQUEST_METHOD: 'GET',
  REQUEST_URI: '/hello',
  SCRIPT_NAME: '',
  PATH_INFO: '/hello',
  QUERY_STRING: '',
  HTTP_HOST: 'localhost',
  HTTP_USER_AGENT: 'Mozilla/5.0',
  HTTP_ACCEPT: 'text/html,*/*;q=0.8',
  HTTP_ACCEPT_ENCODING: 'gzip, deflate',
}

function prepare() {
  const modules = join(place, 'node_modules')
  mkdirSync(join(modules, 'cgiup'), { recursive: true })
  for (const name of ['package.json', 'dist'])
    cpSync(join(root, name), join(modules, 'cgiup', name), { recursive: true })
  for (const name of ['hono', 'express']) symlinkSync(join(root, 'node_modules', name), join(modules, name))
  for (const [, , file, content] of programs) if (file) writeFileSync(join(place, file), content)
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

async function measure(chosen, runs) {
  const child = spawn('python3', [join(root, 'bench', 'wait4.py')], { stdio: ['pipe', 'pipe', 'inherit'] })
  const results = createInterface(child.stdout)[Symbol.asyncIterator]()
  const rows = chosen.map(([name, argv, file, , goal]) => ({
    name,
    goal,
    argv: file ? [...argv, file] : argv,
    prints: file && !/empty|load/.test(file),
    cpu: [],
    wall: [],
  }))
  for (let run = -1; run < runs; run++) {
    for (const row of rows) {
      child.stdin.write(`${JSON.stringify({ argv: row.argv, env, cwd: place })}\n`)
      const { value } = await results.next()
      const result = JSON.parse(value)
      if (result.status !== 0) throw new Error(`${row.name} failed (${result.status})`)
      if (row.prints && !/\r?\n\r?\nhello/.test(result.output))
        throw new Error(`${row.name} answered ${JSON.stringify(result.output)}`)
      if (run < 0) continue // The first run warms the file cache.
      row.cpu.push(result.cpu)
      row.wall.push(result.wall)
    }
  }
  child.stdin.end()
  return rows
}

function print(rows) {
  const base = median(rows[0].cpu)
  const least = Math.min(...rows[0].cpu)
  console.log('                               CPU ms  ratio  ratio of    wall ms  goal')
  console.log('                               median         the least    median')
  for (const { name, cpu, wall, goal } of rows) {
    const cells = [
      name.padEnd(30),
      (median(cpu) / 1000).toFixed(1).padStart(6),
      (median(cpu) / base).toFixed(2).padStart(6),
      (Math.min(...cpu) / least).toFixed(2).padStart(9),
      (median(wall) / 1000).toFixed(1).padStart(10),
      goal === undefined ? '' : `<= ${goal.toFixed(2)}`,
    ]
    console.log(cells.join(' '))
  }
}

const wanted = options.only.split(',').filter(Boolean)
const chosen = programs.filter(
  ([name], i) => i === 0 || wanted.length === 0 || wanted.some((w) => name.includes(w)),
)
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
try {
  prepare()
  console.log(`cgiup ${version}, ${node}, ${options.runs} runs of each`)
  print(await measure(chosen, Number(options.runs)))
} finally {
  rmSync(place, { recursive: true })
}
