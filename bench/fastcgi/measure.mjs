// Starts servers and load generators, and measures what they use.
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const env = { ...process.env }
delete env.NODE_OPTIONS
delete env.NODE_EXTRA_CA_CERTS

/** A server of serve.mjs: `{ path, protocol, usage(), stop() }`. */
export const startServer = async (what) => {
  const child = fork(here('./serve.mjs'), [JSON.stringify(what)], { env, execArgv: ['--expose-gc'] })
  const failed = once(child, 'exit').then(() => {
    throw new Error(`the server ${JSON.stringify(what)} ended`)
  })
  failed.catch(() => {})
  const [place] = await Promise.race([once(child, 'message'), failed])
  const usage = async (collect = false) => {
    child.send(collect ? 'collect' : 'usage')
    return (await once(child, 'message'))[0]
  }
  // The server then exits by itself and removes its socket.
  const stop = async () => {
    child.disconnect()
    await once(child, 'exit')
  }
  return { ...place, pid: child.pid, usage, stop }
}

const driver = (options) =>
  spawn(process.execPath, [here('./load.mjs'), JSON.stringify(options)], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })

/** Runs the load generator to its end; resolves with its result. */
export const drive = async (options) => {
  const child = driver(options)
  let text = ''
  child.stdout.on('data', (data) => {
    text += data
  })
  await once(child, 'close')
  return JSON.parse(text)
}

/** A load generator that keeps open what it has opened until `release()`. */
export const driveAndHold = async (options) => {
  const child = driver(options)
  const [data] = await once(child.stdout, 'data')
  const release = async () => {
    child.kill()
    await once(child, 'close')
  }
  return { result: JSON.parse(String(data)), release }
}

const TICK_US = 10_000

/** CPU microseconds of a process and its children, for programs that are not Node (Linux; steps of 10 ms). */
export const cpuOfTree = (root) => {
  const parents = new Map()
  const used = new Map()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      parents.set(Number(name), Number(fields[1]))
      used.set(Number(name), (Number(fields[11]) + Number(fields[12])) * TICK_US)
    } catch {
      // The process has ended.
    }
  }
  const belongs = (pid) => pid === root || (parents.has(pid) && belongs(parents.get(pid)))
  let sum = 0
  for (const [pid, us] of used) if (belongs(pid)) sum += us
  return sum
}

export const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

/** `  goal 0.75 met`, or `missed`; '' if there is no goal. */
export const verdict = (value, goal) =>
  goal === undefined ? '' : `  goal ${goal.toFixed(2)} ${Number(value.toFixed(2)) <= goal ? 'met' : 'missed'}`
