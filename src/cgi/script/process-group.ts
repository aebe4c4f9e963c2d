/** The process group of a script: how it is stopped, and that it ends with this process. */
import { next } from '../../core/states.js'
import { type GroupEvent, type GroupState, groupStates } from './states.js'

/** Groups that may still run: they end with this process. */
const running = new Set<ProcessGroup>()

/** Signals that end a process which does not listen for them, without an 'exit' event. */
const deadly = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR2'] as const

export class ProcessGroup {
  state: GroupState = 'running'
  readonly #signal: (signal: NodeJS.Signals | 0) => boolean
  readonly #killGraceMs: number
  #killTimer: NodeJS.Timeout | undefined

  /**
   * @param signal sends a signal to all of the group; false when there is nobody to get it
   * @param killGraceMs from SIGTERM to SIGKILL, in milliseconds
   */
  constructor(signal: (signal: NodeJS.Signals | 0) => boolean, killGraceMs: number) {
    this.#signal = signal
    this.#killGraceMs = killGraceMs
    watch(this)
  }

  /** Stops all of it: SIGTERM now, SIGKILL after the grace to whoever is left. */
  stop(): void {
    const { state } = this
    // The id of a group that has ended may be that of another one by now.
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

  /** The script, which leads it, has ended. */
  leaderExited(): void {
    // A group whose leader is gone keeps its id only as long as it has members: look once, now.
    if (this.#signal(0)) this.#step('exited')
    else {
      clearTimeout(this.#killTimer)
      this.#step('emptied')
    }
  }

  /**
   * The output is closed. What a script leaves behind when it has ended, and that has closed its output, is a
   * daemon: it may outlive us, unless the group is being stopped.
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

/** From now on the group ends when this process does, however that comes about (but by SIGKILL). */
function watch(group: ProcessGroup): void {
  running.add(group)
  if (!process.listeners('exit').includes(killAll)) process.on('exit', killAll)
  // Where somebody listens already, he ends the process, and 'exit' tells us.
  for (const signal of deadly) if (process.listenerCount(signal) === 0) process.on(signal, onSignal)
}

function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return
  killAll()
  // As if nobody had listened: what started us sees which signal it was.
  process.off(signal, onSignal)
  process.kill(process.pid, signal)
}

function killAll(): void {
  for (const group of running) group.kill()
}
