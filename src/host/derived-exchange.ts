/** An exchange derived from another one: same client, different environment. */
import {
  afterwards,
  type Body,
  type Env,
  type Exchange,
  type Gateway,
  type Handler,
  type Peer,
  type PendingReply,
  pendingReply,
} from '../core/exchange.js'

export class DerivedExchange implements Exchange {
  readonly env: Env
  readonly stdin: Body;
  [afterwards]?: (task: () => void) => void
  #base: Exchange

  constructor(base: Exchange, env: Env, stdin: Body = base.stdin) {
    this.#base = base
    this.env = env
    this.stdin = stdin
    // Absent here when it is absent in the base exchange.
    if (base[afterwards] !== undefined) this[afterwards] = (task) => base[afterwards]?.(task)
  }

  get signal(): AbortSignal {
    return this.#base.signal
  }

  get gateway(): Gateway {
    return this.#base.gateway
  }

  get data(): Body | null {
    return this.#base.data ?? null
  }

  get maxBodyBytes(): number | undefined {
    return this.#base.maxBodyBytes
  }

  get [pendingReply](): PendingReply | null {
    return this.#base[pendingReply] ?? null
  }

  set [pendingReply](pending: PendingReply | null) {
    this.#base[pendingReply] = pending
  }

  get peer(): Peer | undefined {
    return this.#base.peer
  }

  stderr(text: string): void {
    this.#base.stderr(text)
  }

  waitUntil(work: Promise<unknown>): void {
    this.#base.waitUntil(work)
  }
}

export const emptyBody: Body = { length: 0, read: () => Promise.resolve(null), cancel: () => {} }

/** How a request reached this handler: needed for local redirects. */
export interface Route {
  /** The outermost handler of the tree, which answers local redirects. */
  readonly root: Handler
  /** The exchange that the root handler got. */
  readonly entry: Exchange
  /** Local redirects so far. */
  readonly hops: number
}

const routes = new WeakMap<Exchange, Route>()

/** The route of an exchange. If it has none, a new route begins at this handler. */
export function routeOf(exchange: Exchange, handler: Handler): Route {
  let route = routes.get(exchange)
  if (!route) {
    route = { root: handler, entry: exchange, hops: 0 }
    routes.set(exchange, route)
  }
  return route
}

export function setRoute(exchange: Exchange, route: Route): void {
  routes.set(exchange, route)
}

/** A list of variables with some replaced, added, or (undefined) removed. */
export function changeVariables(
  list: readonly string[],
  changes: Readonly<Record<string, string | undefined>>,
): string[] {
  const out: string[] = []
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = list[i] as string
    if (!Object.hasOwn(changes, name)) out.push(name, list[i + 1] as string)
  }
  for (const [name, value] of Object.entries(changes)) if (value !== undefined) out.push(name, value)
  return out
}
