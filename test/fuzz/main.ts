/**
 * `npm run fuzz`: runs all properties repeatedly with new seeds, for as long as requested, and checks what a
 * property cannot see: uncaught errors, endless loops, growing memory.
 */
import { mkdtempSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { codecProperties, type Property } from './codec.js'
import { liveProperties } from './live.js'
import { scgiProperties } from './netstring.js'
import { Target } from './target.js'
import { targetProperties } from './targets.js'

/** Milliseconds for one property before the next one runs. */
const SLICE = 3000
/** Seconds without progress after which the process counts as hung. */
const PATIENCE = 60
/** Bytes by which memory use may grow after the first rounds. */
const GROWTH = 48 << 20
/** Rounds after which memory use is stable. */
const SETTLED = 3

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    only: { type: 'string', default: '' },
    path: { type: 'string' },
  },
})

const seconds = Number(values.seconds)
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed)
if (!(seconds > 0) || !Number.isInteger(seed))
  throw new Error('usage: npm run fuzz -- [--seconds=n] [--seed=n] [--only=part of a name] [--path=p]')

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const say = (line: string): void => {
  writeSync(1, `${line}\n`)
}

let now = 'nothing'
const reproduction = (at: number, path: string | undefined) =>
  `npm run fuzz -- --only=${JSON.stringify(now)} --seed=${at}${path === undefined ? '' : ` --path=${path}`}`

/** Long runs of bytes are not informative. */
const shortened = (text: string): string =>
  text.replace(/(\[(?:\d+,){40})[\d,]+\]/g, '$1…]').replace(/(v{40})v+/g, '$1…')

const fail = (what: string, at: number, path?: string): never => {
  say(`\nFAILED: ${now}\n${what}\n\nAgain: ${reproduction(at, path)}`)
  process.exit(1)
}

/** Reports an endless loop, which this thread could not do. */
const startWatch = (): ((line: string) => void) => {
  const watch = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const { writeSync } = require('node:fs')
     let [last, line] = [Date.now(), '']
     parentPort.on('message', (text) => { last = Date.now(); line = text })
     setInterval(() => {
       if (Date.now() - last < workerData * 1000) return
       writeSync(1, 'FAILED: no sign of life for ' + workerData + ' s\\nAgain: ' + line + '\\n')
       process.kill(process.pid, 'SIGKILL')
     }, 1000)`,
    { eval: true, workerData: PATIENCE },
  )
  watch.unref()
  return (line) => watch.postMessage(line)
}

const memory = (): number => {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const runOne = async (
  property: Property,
  at: number,
  path: string | undefined,
  target: Target,
): Promise<void> => {
  now = property.name
  try {
    await property.check(
      path === undefined
        ? { numRuns: 1_000_000, seed: at, interruptAfterTimeLimit: SLICE }
        : { numRuns: 1, seed: at, path },
    )
  } catch (error) {
    const { message, cause } = error as Error & { cause?: Error }
    const found = /path: "([\d:]+)"/.exec(message)?.[1]
    const log = target.log.length > 0 ? `\nThe process said last:\n${target.log.join('')}` : ''
    fail(`${shortened(message)}\n${cause?.stack ?? ''}${log}`, at, found)
  }
}

const main = async (): Promise<void> => {
  const dir = mkdtempSync(join(tmpdir(), 'cgiup-fuzz-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  let current = seed
  process.on('unhandledRejection', (error) =>
    fail(`nobody caught ${(error as Error)?.stack ?? error}`, current),
  )
  process.on('uncaughtException', (error) => fail(`nobody caught ${error.stack}`, current))
  const alive = startWatch()
  const targets = [await new Target(join(dir, 's')).open(), await new Target(null).open()] as const
  const chosen = targets.map((target) =>
    [...codecProperties, ...scgiProperties, ...targetProperties, ...liveProperties(target)].filter(
      ({ name }) => name.includes(values.only),
    ),
  ) as [Property[], Property[]]
  say(`seed ${seed}, ${seconds} s, ${chosen[0].length} properties`)
  const end = Date.now() + seconds * 1000
  let settled = 0
  for (let round = 0; Date.now() < end; round++) {
    current = seed + round
    // Even seeds over a Unix socket, odd ones over TCP.
    for (const property of chosen[current & 1] as Property[]) {
      if (Date.now() >= end) break
      alive(`npm run fuzz -- --only=${JSON.stringify(property.name)} --seed=${current}`)
      await runOne(property, current, values.path, targets[current & 1] as Target)
    }
    const used = memory()
    if (round === SETTLED) settled = used
    say(
      `round ${round}: seed ${current}, ${(used / 2 ** 20).toFixed(1)} MiB, ${Math.max(0, Math.round((end - Date.now()) / 1000))} s left`,
    )
    now = values.only
    if (round > SETTLED && used > settled + GROWTH) fail(`memory grew from ${settled} to ${used} bytes`, seed)
    if (values.path !== undefined) break
  }
  for (const target of targets) await target.close()
  say('nothing found')
}

await main()
