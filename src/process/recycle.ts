/** When a process has served long enough, or its code is old, and is recycled. */
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
  /** Called once, when a fresh process should take over. @param why for the log */
  readonly due: (why: string) => void
}

export interface Renewal {
  /** The handler, with its requests counted where that is asked for. */
  readonly handler: Handler
  stop(): void
}

const memoryEveryMs = 1000

/** The longest time that a timer of Node takes. */
const mostMs = 2 ** 31 - 1

/** Watches the limits of a process. Costs a request nothing but the counting, and that only with `maxRequests`. */
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
