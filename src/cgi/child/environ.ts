/** The environment of this process as the web server set it, byte for byte. */
import { readFileSync } from 'node:fs'
import { Environment } from '../../env/environment.js'

const block = '/proc/self/environ'

/**
 * `process.env` holds one value for each name, decoded as UTF-8. That is enough unless a byte was not
 * UTF-8 (it reads as U+FFFD then) or a name came twice, as from nginx through fcgiwrap. Then the true
 * bytes are read where the system shows them.
 */
export function readEnviron(env: NodeJS.ProcessEnv = process.env): Environment {
  // Each look into process.env asks the system: once is enough.
  const copy: NodeJS.ProcessEnv = Object.assign(Object.create(null), env)
  return (isLossy(copy) && fromBlock(copy)) || Environment.fromObject(copy)
}

function isLossy(env: NodeJS.ProcessEnv): boolean {
  if (env.FCGI_ROLE !== undefined) return true
  for (const name in env) if (env[name]?.includes('\ufffd')) return true
  return false
}

/** The first environment of the process, with what the program has changed of it since. */
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
    // A name that was removed since (HTTP_PROXY) stays away; one that was set again comes below.
    if (env[name] === undefined) continue
    if (!seen.has(name) && !isUnchanged(first, name, env[name])) continue
    seen.add(name)
    list.push(name, first.list[i + 1] as string)
  }
  const later: NodeJS.ProcessEnv = Object.create(null)
  for (const name of Object.keys(env)) if (!seen.has(name)) later[name] = env[name]
  return new Environment([...list, ...Environment.fromObject(later).list])
}

/** One of the values that came under this name is what `process.env` shows. */
function isUnchanged(first: Environment, name: string, value: string): boolean {
  const { list } = first
  for (let i = 0; i + 1 < list.length; i += 2) {
    if (list[i] === name && Buffer.from(list[i + 1] as string, 'latin1').toString() === value) return true
  }
  return false
}
