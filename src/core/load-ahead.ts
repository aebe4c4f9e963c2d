/**
 * Modules that are loaded on demand. Node remembers a failed import forever, even if only a file descriptor
 * was missing for a moment. A long-running process therefore loads all of them before it serves.
 */

interface Registry {
  readonly loaders: Set<() => Promise<unknown>>
  /** Whether this process is long-running: modules registered from now on are loaded immediately. */
  stays: boolean
}

const key = Symbol.for('cgiup.load-ahead')

/** Shared by all copies of the package in a process. */
function registry(): Registry {
  const place = globalThis as { [key]?: Registry }
  place[key] ??= { loaders: new Set(), stays: false }
  return place[key]
}

/**
 * Registers a module that is loaded once, on demand.
 *
 * @param load calls `import()`
 * @returns a function that resolves to the module, and loads it if necessary
 */
export function onDemand<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined
  const get = () => {
    loading ??= load().catch((error) => {
      loading = undefined
      throw error
    })
    return loading
  }
  registry().loaders.add(get)
  // An error is left to the caller that needs the module.
  if (registry().stays) get().catch(() => {})
  return get
}

/** Loads all registered modules, and those that they register in turn. */
export async function loadAhead(): Promise<void> {
  const all = registry()
  all.stays = true
  for (let before = -1; all.loaders.size > before; ) {
    before = all.loaders.size
    await Promise.all([...all.loaders].map((load) => load()))
  }
}
