/**
 * Modules that a CGI script loads when it needs them. Node remembers forever that an import has failed, be it
 * only because no file descriptor was left for a moment: a process that stays loads all of them before it
 * serves.
 */

interface Registry {
  readonly loaders: Set<() => Promise<unknown>>
  /** This process is one that stays: what is registered from now on is loaded at once. */
  stays: boolean
}

const key = Symbol.for('cgiup.load-ahead')

/** One for all copies of the package in a process. */
function registry(): Registry {
  const place = globalThis as { [key]?: Registry }
  place[key] ??= { loaders: new Set(), stays: false }
  return place[key]
}

/**
 * Makes a module one that is loaded once, on demand.
 *
 * @param load calls `import()`
 * @returns gives the module, loading it if that has not happened yet
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
  // Who needs it gets the error.
  if (registry().stays) get().catch(() => {})
  return get
}

/** Loads all that may be needed on demand, and what these register in turn. */
export async function loadAhead(): Promise<void> {
  const all = registry()
  all.stays = true
  for (let before = -1; all.loaders.size > before; ) {
    before = all.loaders.size
    await Promise.all([...all.loaders].map((load) => load()))
  }
}
