/** Loads the file of an app, whatever its extension, as `#!/usr/bin/env cgiup` scripts need it. */
import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CgiupError, UsageError } from '../core/errors.js'
import { classify } from './classify.js'

/** What a module gives: `module.exports`, or the namespace of an ES module. */
export type Exports = Record<string, unknown> | null

/**
 * Runs an app file and gives what it exports. CommonJS and ES modules (top-level await too), with any
 * extension or none, with or without a `#!` line; `.ts` where Node (22.18 and later) or a loader
 * strips types. `import.meta.url`, relative and bare imports and stack traces are those of the file.
 *
 * @throws UsageError APP_FILE when there is no such file or Node cannot read its language; whatever
 * the file itself throws.
 */
export async function loadModule(file: string): Promise<Exports> {
  const path = realPath(file)
  try {
    // require() and not import(): import() refuses ES modules with extensions like .cgi on every
    // version of Node. require() takes any extension, and tells ES modules by their syntax.
    return createRequire(path)(path)
  } catch (error) {
    // Only top-level await is left. The graph is linked and under its URL in the module cache by
    // now, so that import() finds it there and does not ask for the extension.
    if (code(error) === 'ERR_REQUIRE_ASYNC_MODULE') return importLinked(path, error)
    const reason = explain(error, path)
    if (reason instanceof SyntaxError) (await import('./syntax-error.js')).locate(reason, path)
    throw reason
  }
}

async function importLinked(path: string, reason: unknown): Promise<Exports> {
  try {
    return await import(pathToFileURL(path).href)
  } catch (error) {
    // The file is CommonJS and has required such a module itself: that was the error.
    throw code(error) === 'ERR_UNKNOWN_FILE_EXTENSION' ? reason : error
  }
}

function realPath(file: string): string {
  try {
    return realpathSync(resolve(file))
  } catch (cause) {
    const why = code(cause) === 'ENOENT' ? 'There is no such file' : (cause as Error).message
    throw new UsageError('APP_FILE', `${file}: ${why}.`, { cause })
  }
}

function explain(error: unknown, path: string): unknown {
  if (error instanceof CgiupError || !(error instanceof Error)) return error
  if (code(error) === 'ERR_UNKNOWN_FILE_EXTENSION' || (error instanceof SyntaxError && isTypeScript(path))) {
    if ((process.features as { typescript?: unknown }).typescript) return error
    const what = `Node ${process.versions.node} cannot run TypeScript`
    return new UsageError(
      'APP_FILE',
      `${path}: ${what}; Use Node 22.18 or later, or compile the file first.`,
      {
        cause: error,
      },
    )
  }
  return error
}

const isTypeScript = (path: string): boolean => /\.[cm]?tsx?$/.test(path)

const code = (error: unknown): unknown => (error as NodeJS.ErrnoException | null)?.code

/**
 * The app among the exports of a module: `export default` or `module.exports` (a promise is waited
 * for), an exported `fetch` function, an exported `app`, an exported `handler` that is marked as one.
 * Undefined when there is none; what `export default` gives is not judged here.
 */
export async function appOf(exported: Exports): Promise<unknown> {
  if (exported === null || typeof exported !== 'object') return exported ?? undefined
  // TypeScript's CommonJS output keeps `export default` under `default`, as a namespace does.
  if (exported.default !== undefined) return await exported.default
  if (classify(exported)) return exported
  if (classify(exported.app)) return exported.app
  // Platforms of the cloud call other things `handler` too, so an unmarked function does not count.
  return classify(exported.handler)?.style === 'handler' ? exported.handler : undefined
}
