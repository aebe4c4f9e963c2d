/**
 * This process as a worker: a primary owns its sockets, starts it and ends it. src/process/workers.ts is the
 * primary.
 */
import type { AddressInfo } from 'node:net'
import { type ErrorCode, UsageError } from '../core/errors.js'
import type { Handler } from '../core/exchange.js'
import { endProcess } from '../serve/process-end.js'
import type { ListenPlace, SharedSocket } from '../socket/listen.js'
import type { HandOver } from '../socket/wire.js'
import { leftToPrimary, workerVariable } from './parent.js'
import type { Protocol } from './protocol-gate.js'
import type { GracefulEnd } from './signals.js'

/** Value of {@link workerVariable}, as JSON. */
export interface WorkerFacts {
  /** Process id of the primary. */
  readonly primary: number
  /** How many workers there are. */
  readonly workers: number
  /** A spare: it loads the app, and waits until it is needed. */
  readonly spare: boolean
}

/** Reported by a worker when it is ready to serve. */
export interface Serving {
  readonly server: Protocol
  readonly why: string
  readonly url: string
  readonly address: AddressInfo | string
  readonly quiet: boolean
  /** How long it may take to end, in milliseconds. */
  readonly graceMs: number
}

export type ToPrimary =
  | { readonly cgiup: 'bind'; readonly place: ListenPlace }
  | { readonly cgiup: 'serving'; readonly serving: Serving }
  | { readonly cgiup: 'leaving'; readonly why: string }
  /** The first request has arrived. */
  | { readonly cgiup: 'asked' }
  /** Carries a connection for another worker. */
  | { readonly cgiup: 'connection' }

/** The messages `bound` and `connection` carry a socket. */
export type ToWorker =
  | { readonly cgiup: 'bound'; readonly url: string; readonly address: AddressInfo | string }
  | { readonly cgiup: 'refused'; readonly code: ErrorCode; readonly message: string }
  | { readonly cgiup: 'connection' }
  /** Exit at once: the primary exits. */
  | { readonly cgiup: 'exit' }
  /** To a spare worker: start to serve. */
  | { readonly cgiup: 'go' }
  /** `successor`: another worker takes over the connections. */
  | { readonly cgiup: 'end'; readonly successor: boolean }

export interface WorkerEnd {
  /** Stops accepting and finishes running requests. */
  readonly close: (graceMs: number, handOver?: HandOver) => Promise<void>
  /** Takes over a connection of another worker. */
  readonly adopt?: (handle: object) => void
  readonly graceMs: number
  /** Called when shutdown begins, with the reason. */
  readonly onEnd?: (why: string) => void
}

export class Worker {
  readonly facts: WorkerFacts
  #end: WorkerEnd | null = null
  #ending = false
  /** SIGTERM has arrived, so the app's handlers have seen it. */
  #told = false
  #wanted = false
  #go: () => void = () => {}
  #answered: ((message: ToWorker, handle: object | undefined) => void) | null = null

  constructor(facts: WorkerFacts) {
    this.facts = facts
    process.on('message', this.#receive)
    process.once('disconnect', this.#orphaned)
    // The channel must not keep a process alive whose app failed to load.
    process.channel?.unref()
    for (const signal of leftToPrimary) process.on(signal, () => {})
    process.on('SIGTERM', this.#onSigterm)
    if (!process.connected) this.#orphaned()
  }

  /** Resolves when this worker should serve. */
  readonly wanted = async (): Promise<void> => {
    if (!this.facts.spare || this.#wanted) return
    process.channel?.ref()
    await new Promise<void>((resolve) => {
      this.#go = resolve
    })
    process.channel?.unref()
  }

  /** The socket for an address, made and kept by the primary. @throws UsageError as listening does */
  readonly share = (place: ListenPlace): Promise<SharedSocket> =>
    new Promise<SharedSocket>((resolve, reject) => {
      process.channel?.ref()
      this.#answered = (message, handle) => {
        if (message.cgiup === 'refused') reject(new UsageError(message.code, message.message))
        else if (message.cgiup === 'bound' && handle !== undefined)
          resolve({ handle, url: message.url, address: message.address })
      }
      this.#send({ cgiup: 'bind', place })
    }).finally(() => process.channel?.unref())

  /** Starts to serve; ends when the primary tells it to, or has exited. */
  serve(serving: Omit<Serving, 'graceMs'>, end: WorkerEnd): GracefulEnd {
    this.#end = end
    this.#send({ cgiup: 'serving', serving: { ...serving, graceMs: end.graceMs } })
    const isEnding = () => this.#ending
    return {
      end: (why) => this.leave(why),
      get begun() {
        return isEnding()
      },
      release: () => {
        this.#end = null
      },
    }
  }

  /**
   * Wraps the handler to notify the primary of the first request, in case that request crashes this worker.
   */
  handlerOf(handler: Handler): Handler {
    let asked = false
    return (exchange) => {
      if (!asked) {
        asked = true
        this.#send({ cgiup: 'asked' })
      }
      return handler(exchange)
    }
  }

  /**
   * Asks the primary for a replacement; this worker serves until the replacement does. May be called again.
   */
  leave(why: string): void {
    // A worker that is not serving yet has nothing to finish.
    if (this.#end === null) process.exit(0)
    else if (!this.#ending) this.#send({ cgiup: 'leaving', why })
  }

  readonly #onSigterm = (): void => {
    this.#told = true
    this.leave('SIGTERM')
  }

  readonly #receive = (message: unknown, handle: unknown): void => {
    const known = message as ToWorker | null
    if (known?.cgiup === 'end') this.#close('the primary requested it', known.successor)
    else if (known?.cgiup === 'connection' && handle) this.#end?.adopt?.(handle as object)
    else if (known?.cgiup === 'exit') endProcess('the primary was told to stop at once')
    else if (known?.cgiup === 'go') {
      this.#wanted = true
      this.#go()
    } else if (known?.cgiup === 'bound' || known?.cgiup === 'refused')
      this.#answered?.(known, handle as object | undefined)
  }

  /** A worker never outlives its primary. */
  readonly #orphaned = (): void => {
    if (this.#end === null) process.exit(0)
    this.#close('the primary has exited', false)
  }

  #close(why: string, successor: boolean): void {
    if (this.#ending) return
    this.#ending = true
    const end = this.#end
    if (end === null) process.exit(0)
    end.onEnd?.(why)
    void end.close(end.graceMs, successor ? this.#handOver : undefined).finally(() => {
      // An app with its own handler has cleanup to do, and ends the process itself.
      if (process.listenerCount('SIGTERM') === 1) process.exit(0)
      setTimeout(() => process.exit(0), end.graceMs).unref()
      if (!this.#told) process.emit('SIGTERM', 'SIGTERM')
    })
  }

  readonly #handOver: HandOver = (handle, done) => {
    if (!process.connected) done()
    else process.send?.({ cgiup: 'connection' }, handle as never, undefined, done)
  }

  #send(message: ToPrimary): void {
    // An error means that the primary has exited, which `disconnect` reports.
    if (process.connected) process.send?.(message, undefined, undefined, () => {})
  }
}

const key = Symbol.for('cgiup.worker')

/** This process as a worker; undefined if it is not one. Shared by all copies of this module. */
export function currentWorker(): Worker | undefined {
  const place = globalThis as { [key]?: Worker }
  if (place[key] !== undefined) return place[key]
  const text = process.env[workerVariable]
  if (!text) return undefined
  // Programs that the app starts are not workers.
  delete process.env[workerVariable]
  const facts = JSON.parse(text) as WorkerFacts
  if (process.send === undefined || (facts.primary !== process.ppid && process.connected)) return undefined
  place[key] = new Worker(facts)
  return place[key]
}
