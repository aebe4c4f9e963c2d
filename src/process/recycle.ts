/** Recycles a process that has reached a limit, or whose code is outdated. */
import type { Handler } from '../core/exchange.js'
import type { LimitOptions } from '../core/limits/limit.js'
import type { recycleLimits } from '../core/limits/recycle.js'

export interface RecycleOptions extends LimitOptions<typeof recycleLimits> {}

export interface RenewalOptions {
  readonly recycle?: RecycleOptions | undefined
  /** Path of a changed file, or null. */
  readonly changed?: (() => string | null) | undefined
  /** How often files are checked, in milliseconds. Default 1000. */
  readonly changedEveryMs?: number
  /** Called once, when a new process should take over. @param why for the log */
  readonly due: (why: string) => void
}

export interface Renewal {
  /** The handler; it counts requests if a limit needs that. */
  readonly handler: Handler
  stop(): void
}

const memoryEveryMs = 1000

/** The longest delay of a Node timer. */
const mostMs = 2 ** 31 - 1

/** Watches the limits of a process. Requests are only counted with `maxRequests`. */
export function renewal(handler: Handler, options: RenewalOptions): Renewal {
  const { maxRequests, maxMemory, maxAgeMs } = options.recycle ?? {}
  const { changed } = options
  const timers: NodeJS.Timeout[] = []
  const stop = () => {
    for (const timer of timers) clearInterval(timer)
  }
  const due = (why: string) => {
    stop()
    options.due(why)
  }
  const every = (ms: number, check: () => void) => void timers.push(setInterval(check, ms).unref())

  if (maxAgeMs !== undefined)
    every(Math.min(maxAgeMs, mostMs), () => due(`it is ${maxAgeMs} ms old (maxAgeMs)`))
  if (maxMemory !== undefined)
    every(memoryEveryMs, () => {
      const rss = process.memoryUsage.rss()
      if (rss >= maxMemory) due(`it uses ${megabytes(rss)} of memory (maxMemory: ${megabytes(maxMemory)})`)
    })
  if (changed !== undefined)
    every(options.changedEveryMs ?? 1000, () => {
      const file = changed()
      if (file !== null) due(`${file} has changed`)
    })
  return { handler: maxRequests === undefined ? handler : counted(handler, maxRequests, due), stop }
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`

function counted(handler: Handler, maxRequests: number, due: (why: string) => void): Handler {
  let count = 0
  return (exchange) => {
    if (++count === maxRequests) due(`it has served ${maxRequests} requests (maxRequests)`)
    return handler(exchange)
  }
}
