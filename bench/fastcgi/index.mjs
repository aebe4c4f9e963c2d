/**
 * npm run bench:fastcgi -- [--quick] [--big] [--only=text] [--rounds=n]
 *
 * CPU time of FastCGI responders: cgiup compared with servers that do the same work. The servers of a case
 * take turns; the result is the median of the rounds. --quick: a third of the requests, three rounds. --big:
 * bodies of 1 GB and a million requests where memory is measured. A goal is met if the median of this run
 * does not exceed it.
 */
import { parseArgs } from 'node:util'
import { cases } from './cases.mjs'
import { drive, median, startServer, verdict } from './measure.mjs'
import { measureMemory } from './memory.mjs'
import { measureNginx } from './nginx.mjs'
import { measurePeers } from './peers.mjs'
import { measureWorkers } from './workers.mjs'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    big: { type: 'boolean' },
    only: { type: 'string' },
    rounds: { type: 'string' },
  },
})
const quick = values.quick === true
const rounds = Number(values.rounds ?? (quick ? 3 : 7))
const wanted = (name) => values.only === undefined || name.includes(values.only)
const scaled = (n) => (quick ? Math.max(Math.ceil(n / 3), 16) : n)

const once = async (what, load) => {
  const requests = scaled(load.requests)
  const server = await startServer(what)
  try {
    const { path, protocol } = server
    const pipeline = protocol === 'http' ? 1 : (load.pipeline ?? 1)
    const options = { ...load, pipeline, path, protocol }
    // A warm-up of the same size: these are long-running processes, and V8 compiles for a while.
    await drive({ ...options, requests: Math.ceil(requests / pipeline) * pipeline })
    const before = await server.usage()
    const result = await drive({ ...options, requests: Math.ceil(requests / pipeline) * pipeline })
    const after = await server.usage()
    if (result.failed > 0) console.log(`  ${what.name}: ${result.failed} of ${requests} failed`)
    return { us: (after.cpu - before.cpu) / result.done, p99: result.p99, rss: after.rss }
  } finally {
    await server.stop()
  }
}

const line = (name, us, ratio, goal, p99, rss) =>
  console.log(
    `  ${name.padEnd(24)}${us.toFixed(us < 100 ? 2 : 0).padStart(9)} us${ratio.toFixed(2).padStart(7)}` +
      `${verdict(ratio, goal).padEnd(20)}p99 ${p99.toFixed(2).padStart(8)} ms${(rss / 1e6).toFixed(0).padStart(6)} MB`,
  )

const runCase = async ({ name, load, parts = 1, base, ours }) => {
  console.log(name)
  const all = [base, ...ours]
  const seen = all.map(() => [])
  for (let round = 0; round < rounds; round++)
    for (const [i, what] of all.entries()) seen[i].push(await once(what, what.load ?? load))
  const of = (i, key) => median(seen[i].map((one) => one[key]))
  for (const [i, what] of all.entries())
    line(what.name, of(i, 'us') / parts, of(i, 'us') / of(0, 'us'), what.goal, of(i, 'p99'), of(i, 'rss'))
}

console.log(
  `Node ${process.version}, ${rounds} rounds; CPU of the responder per request, ratio to the first line`,
)
for (const one of cases) if (wanted(one.name)) await runCase(one)
if (wanted('peers')) await measurePeers({ rounds, scaled, line })
if (wanted('nginx')) await measureNginx({ rounds, scaled, line })
if (wanted('workers')) await measureWorkers({ rounds, scaled, line })
if (wanted('memory')) await measureMemory({ big: values.big === true })
