/** The process group of a script: stops it, and ends it with this process. */
import { next } from '../../core/states.js'
import { type GroupEvent, type GroupState, groupStates } from './states.js'

/** Groups that may still run: they end with this process. */
const running = new Set<ProcessGroup>()

/** Signals that end a process without a listener for them, and without an 'exit' event. */
const deadly = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR2'] as const

export class ProcessGroup {
  state: GroupState = 'running'
  readonly #signal: (signal: NodeJS.Signals | 0) => boolean
  readonly #killGraceMs: number
  #killTimer: NodeJS.Timeout | undefined

  /**
   * @param signal sends a signal to the whole group; false if it has no members left
   * @param killGraceMs from SIGTERM to SIGKILL, in milliseconds
   */
  constructor(signal: (signal: NodeJS.Signals | 0) => boolean, killGraceMs: number) {
    this.#signal = signal
    this.#killGraceMs = killGraceMs
    watch(this)
  }

  /** Stops the whole group: SIGTERM now, SIGKILL after the grace period to all that remain. */
  stop(): void {
    const { state } = this
    // The id of a group that has ended may have been reused.
    if (state !== 'running' && state !== 'left' && state !== 'daemon') return
    if (!this.#signal('SIGTERM')) {
      this.#step('nobody')
      return
    }
    this.#step('stop')
    this.#killTimer = setTimeout(() => {
      this.#signal('SIGKILL')
      this.#step('kill')
    }, this.#killGraceMs)
  }

  /** The script, which is the leader of the group, has ended. */
  leaderExited(): void {
    // Once its leader has exited, a group keeps its id only while it has members: check now, once.
    if (this.#signal(0)) this.#step('exited')
    else {
      clearTimeout(this.#killTimer)
      this.#step('emptied')
    }
  }

  /**
   * The output is closed. A process that a script leaves behind, and that has closed the output, is a daemon:
   * it may outlive us, unless the group is being stopped.
   */
  outputClosed(): void {
    if (this.state === 'left') this.#step('closed')
  }

  kill(): void {
    this.#signal('SIGKILL')
  }

  #step(event: GroupEvent): void {
    this.state = next(groupStates, this.state, event)
    if (this.state === 'daemon' || this.state === 'ended') running.delete(this)
    else running.add(this)
  }
}

/** From now on the group ends when this process does, for whatever reason (except SIGKILL). */
function watch(group: ProcessGroup): void {
  running.add(group)
  if (!process.listeners('exit').includes(killAll)) process.on('exit', killAll)
  // If there is another listener, it ends the process, and 'exit' notifies us.
  for (const signal of deadly) if (process.listenerCount(signal) === 0) process.on(signal, onSignal)
}

function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return
  killAll()
  // Ends as if there had been no listener, so that our parent process sees which signal it was.
  process.off(signal, onSignal)
  process.kill(process.pid, signal)
}

function killAll(): void {
  for (const group of running) group.kill()
}
