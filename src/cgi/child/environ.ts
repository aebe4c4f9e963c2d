/** The environment of this process as the web server set it, byte for byte. */
import { readFileSync } from 'node:fs'
import { Environment } from '../../env/environment.js'

const block = '/proc/self/environ'

/**
 * `process.env` holds one value per name, decoded as UTF-8. That is enough unless a byte was not UTF-8 (it is
 * read as U+FFFD) or a name was repeated, as by nginx through fcgiwrap. Then the original bytes are read, if
 * the system exposes them.
 */
export function readEnviron(env: NodeJS.ProcessEnv = process.env): Environment {
  // Each access to process.env is a system call: copy it once.
  const copy: NodeJS.ProcessEnv = Object.assign(Object.create(null), env)
  return (isLossy(copy) && fromBlock(copy)) || Environment.fromObject(copy)
}

function isLossy(env: NodeJS.ProcessEnv): boolean {
  if (env.FCGI_ROLE !== undefined) return true
  for (const name in env) if (env[name]?.includes('\ufffd')) return true
  return false
}

/** The initial environment of the process, with later changes by the program applied. */
function fromBlock(env: NodeJS.ProcessEnv): Environment | null {
  let first: Environment
  try {
    first = Environment.fromBytes(readFileSync(block))
  } catch {
    return null
  }
  const list: string[] = []
  const seen = new Set<string>()
  for (let i = 0; i + 1 < first.list.length; i += 2) {
    const name = first.list[i] as string
    // A variable that was deleted since (HTTP_PROXY) stays deleted; one that was set again is added below.
    if (env[name] === undefined) continue
    if (!seen.has(name) && !isUnchanged(first, name, env[name])) continue
    seen.add(name)
    list.push(name, first.list[i + 1] as string)
  }
  const later: NodeJS.ProcessEnv = Object.create(null)
  for (const name of Object.keys(env)) if (!seen.has(name)) later[name] = env[name]
  return new Environment([...list, ...Environment.fromObject(later).list])
}

/** Whether `process.env` shows one of the original values of this name. */
function isUnchanged(first: Environment, name: string, value: string): boolean {
  const { list } = first
  for (let i = 0; i + 1 < list.length; i += 2) {
    if (list[i] === name && Buffer.from(list[i + 1] as string, 'latin1').toString() === value) return true
  }
  return false
}
