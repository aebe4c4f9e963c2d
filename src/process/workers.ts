/**
 * The primary of worker processes: starts and replaces them, shares its sockets with them, and never serves a
 * request itself. src/process/worker.ts is a worker's side of this.
 */
import { closeSync } from 'node:fs'
import { CgiupError, UsageError } from '../core/errors.js'
import { remover } from '../socket/unix-socket.js'
import type { SocketHandle } from '../socket/wire.js'
import type { Serving } from './worker.js'
import { type ChildEvents, WorkerChild } from './workers-child.js'
import { type Crew, Slot } from './workers-slot.js'
import { WorkersSocket } from './workers-socket.js'
import { Spare } from './workers-spare.js'

/** Time for workers to end open replies when this process exits, in milliseconds. */
const exitMs = 60

export interface WorkersOptions {
  /** Number of workers. */
  readonly workers: number
  /** Inherited descriptors from a launcher; workers get them under the same numbers. */
  readonly descriptors: readonly number[]
  /**
   * Path of an inherited Unix socket that only this process and its workers use; it is removed at the end.
   * Default: none.
   */
  readonly ownPath?: string
  /** Receives log lines about workers. Default: writes to `process.stderr`. */
  readonly log?: (line: string) => void
}

export class Workers implements Crew {
  ending = false
  /** The report of the first worker that was ready. */
  serving: Serving | null = null
  readonly #options: WorkersOptions
  readonly #slots: Slot[] = []
  readonly #spare = new Spare(
    () => this.#spawnChild(true),
    (line) => this.log(line),
  )
  readonly #slotOf = new Map<WorkerChild, Slot>()
  readonly #children = new Set<WorkerChild>()
  readonly #socket = new WorkersSocket()
  #removeOwnPath: (() => void) | undefined
  #reloading: Promise<void> | null = null
  #again = false
  #placed = 0
  #closed: Promise<void> | undefined
  #empty: () => void = () => {}

  constructor(options: WorkersOptions) {
    this.#options = options
    if (options.ownPath !== undefined) this.#removeOwnPath = remover(options.ownPath)
    for (let number = 1; number <= options.workers; number++) this.#slots.push(new Slot(number, this))
  }

  get serves(): boolean {
    return this.#slots.some(({ current }) => current !== null)
  }

  /** Process ids of the live workers. */
  get pids(): number[] {
    return [...this.#children].map(({ pid }) => pid)
  }

  /**
   * Resolves when the first worker is ready. The others start after it, so that an error that keeps the app
   * from loading is logged once.
   *
   * @throws UsageError WORKER_FAILED when the first worker ends before it is ready
   */
  async start(): Promise<Serving> {
    const [first, ...others] = this.#slots as [Slot, ...Slot[]]
    let serves = await first.start(never)
    // A signal to all processes of that name may reach the worker before it has its handlers.
    if (!serves && isReload(first.lastExit)) serves = await first.start(never)
    if (!serves || this.serving === null) {
      // A signal arrived earlier: the process is about to exit.
      if (this.ending) await new Promise(() => {})
      await this.close()
      throw new UsageError(
        'WORKER_FAILED',
        `The first worker process exited before it was ready to serve: ${first.lastExit}.`,
      )
    }
    for (const slot of others) void slot.start()
    return this.serving
  }

  /**
   * Replaces the workers by new ones with the current code, one after the other: the old worker ends once its
   * replacement is ready. A replacement that fails to start stops the reload.
   */
  reload(): Promise<void> {
    this.#again = this.#reloading !== null
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = null
    })
    return this.#reloading
  }

  async #reload(): Promise<void> {
    do {
      this.#again = false
      this.#spare.renew()
      for (const slot of this.#slots) {
        let fresh = await slot.replace()
        // `pkill -HUP -f app.js` reaches the new worker too, before it has its handlers.
        if (!fresh && isReload(slot.lastExit)) fresh = await slot.replace()
        if (this.ending) return
        if (!fresh) return this.log('reload aborted: a new worker did not start')
      }
    } while (this.#again)
    this.log('reloaded: all workers were replaced')
  }

  /** Ends all workers gracefully, each within its own grace. Resolves when they have exited. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.ending = true
    this.#spare.stop()
    for (const slot of this.#slots) slot.stop()
    this.#removeOwnPath?.()
    this.#socket.close()
    // Only this process could still accept connections there, and it serves none.
    for (const fd of this.#options.descriptors) closeQuietly(fd)
    for (const child of this.#children) child.end()
    if (this.#children.size > 0)
      await new Promise<void>((resolve) => {
        this.#empty = resolve
      })
  }

  /** Ends all workers at once; they have a few milliseconds to answer their peers. */
  kill(): void {
    for (const child of this.#children) child.answer({ cgiup: 'exit' })
    if (this.#children.size > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, exitMs)
    for (const child of this.#children) child.kill()
  }

  spawn(slot: Slot, spare: boolean): WorkerChild {
    const ready = spare ? this.#spare.take() : null
    ready?.go()
    const child = ready ?? this.#spawnChild(false)
    this.#slotOf.set(child, slot)
    return child
  }

  crashed(): void {
    if (this.ending) return
    this.#spare.want()
    if (!this.serves) this.#slots[0]?.hurry()
  }

  #spawnChild(spare: boolean): WorkerChild {
    const { workers, descriptors } = this.#options
    const child = new WorkerChild(
      { facts: { primary: process.pid, workers, spare }, descriptors },
      this.#events,
    )
    this.#children.add(child)
    return child
  }

  log(line: string): void {
    if (this.#options.log !== undefined) this.#options.log(line)
    else process.stderr.write(`cgiup: ${line}\n`)
  }

  readonly #events: ChildEvents = {
    onBind: (child, place) => {
      this.#socket.bind(place).then(
        ({ handle, url, address }) => child.answer({ cgiup: 'bound', url, address }, handle),
        (error) => child.answer(refusal(error)),
      )
    },
    onConnection: (_, handle) => this.#place(handle),
    onServing: (child) => void this.#serves(child),
    onLeaving: (child) => {
      const slot = this.#slotOf.get(child)
      if (slot === undefined || child !== slot.current || this.ending) return
      this.#spare.renew()
      void slot.start()
    },
    onExit: (child, how) => {
      this.#children.delete(child)
      if (!this.#spare.exited(child)) this.#slotOf.get(child)?.exited(child, how)
      this.#slotOf.delete(child)
      if (this.#children.size === 0) this.#empty()
    },
  }

  /** Moves a connection from a worker that is ending to one that keeps serving. */
  #place(handle: SocketHandle): void {
    const serving = this.#slots.flatMap(({ current }) => (current === null || this.ending ? [] : [current]))
    const taker = serving[this.#placed++ % serving.length]
    if (taker === undefined) handle.close()
    else taker.give(handle)
  }

  async #serves(child: WorkerChild): Promise<void> {
    try {
      await this.#socket.publish()
    } catch (error) {
      this.log((error as Error).message)
      child.kill()
      return
    }
    this.serving ??= child.serving
    this.#slotOf.get(child)?.serves(child)
    if (!this.ending && this.#slots.every(({ current, next }) => current !== null && next === null))
      this.#spare.start()
  }
}

const never = () => false

const isReload = (how: string): boolean => how === 'SIGHUP' || how === 'SIGUSR2'

function refusal(error: unknown) {
  const code = error instanceof CgiupError ? error.code : 'LISTEN_FAILED'
  return { cgiup: 'refused', code, message: (error as Error).message } as const
}

function closeQuietly(fd: number): void {
  try {
    closeSync(fd)
  } catch {
    // Closed already.
  }
}
