/** Removes directories when the process ends, by exit or signal. One listener serves all directories. */
import { rmSync } from 'node:fs'

/**
 * Signals that end a process without a handler: a closed terminal, Ctrl-C, a web server or an init system
 * that stops. After SIGKILL and crashes a later process cleans up (remove-orphans.ts).
 */
const signals = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const

const paths = new Set<string>()

/** @returns a function that cancels the removal */
export function removeAtEnd(path: string): () => void {
  if (paths.size === 0) watch()
  paths.add(path)
  return () => {
    if (paths.delete(path) && paths.size === 0) unwatch()
  }
}

function watch(): void {
  process.on('exit', removeAll)
  // If an app or one of our servers has a handler for a signal, that handler decides, and 'exit' follows. It
  // may count the listeners of its signal and must not find this one.
  for (const signal of signals) if (process.listenerCount(signal) === 0) process.on(signal, onSignal)
}

function unwatch(): void {
  process.off('exit', removeAll)
  for (const signal of signals) process.off(signal, onSignal)
}

function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return
  removeAll()
  unwatch()
  // Without a handler, so that the parent sees which signal ended the process.
  process.kill(process.pid, signal)
}

function removeAll(): void {
  for (const path of paths) {
    try {
      rmSync(path, { recursive: true, force: true })
    } catch {
      // Still remove the other directories.
    }
  }
}
