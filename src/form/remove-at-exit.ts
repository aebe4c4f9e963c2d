/** Directories that go when the process does, however it ends; one listener for all of them. */
import { rmSync } from 'node:fs'

/**
 * What ends a process that has no handler for it: a terminal that is closed, Ctrl-C, a web server or an init
 * system that stops. SIGKILL and crashes are left to the sweep (sweep.ts).
 */
const signals = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const

const paths = new Set<string>()

/** @returns takes it back: the directory is gone, or stays */
export function removeAtEnd(path: string): () => void {
  if (paths.size === 0) watch()
  paths.add(path)
  return () => {
    if (paths.delete(path) && paths.size === 0) unwatch()
  }
}

function watch(): void {
  process.on('exit', removeAll)
  // Where somebody else listens, an app or one of our servers, that one decides; 'exit' follows. It may count
  // its signal's listeners, and is not to find us among them.
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
  // Without a handler: the parent sees what it ended of.
  process.kill(process.pid, signal)
}

function removeAll(): void {
  for (const path of paths) {
    try {
      rmSync(path, { recursive: true, force: true })
    } catch {
      // The others are to go all the same.
    }
  }
}
