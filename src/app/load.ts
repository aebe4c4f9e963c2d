/** Loads an app file with any extension, as `#!/usr/bin/env cgiup` scripts need. */
import { realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CgiupError, UsageError } from '../core/errors.js'
import { classify } from './classify.js'

/** The result of loading a module: `module.exports`, or the namespace of an ES module. */
export type Exports = Record<string, unknown> | null

/**
 * Runs an app file and returns its exports. CommonJS and ES modules (also with top-level await), with any
 * extension or none, with or without a `#!` line; `.ts` if Node (22.18 and later) or a loader strips types.
 * `import.meta.url`, relative and bare imports and stack traces are those of the file.
 *
 * @throws UsageError APP_FILE when there is no such file or Node cannot read its language; errors of the file
 * itself.
 */
export async function loadModule(file: string): Promise<Exports> {
  const path = realPath(file)
  try {
    // require() and not import(): import() rejects ES modules with extensions like .cgi in every version of
    // Node. require() accepts any extension, and detects ES modules by their syntax.
    return createRequire(path)(path)
  } catch (error) {
    // The file has a top-level await, which require() rejects. The module is already linked and cached under
    // its URL, so import() finds it without checking the extension.
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
    // The file is CommonJS and itself required a module with top-level await: report the error of require().
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
      `${path}: ${what}; use Node 22.18 or later, or compile the file first.`,
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
 * The app among a module's exports: `export default` or `module.exports` (a promise is awaited), an exported
 * `fetch` function, an exported `app`, or an exported `handler` that is marked as one. Undefined when there
 * is none; the default export is not validated here.
 */
export async function appOf(exported: Exports): Promise<unknown> {
  if (exported === null || typeof exported !== 'object') return exported ?? undefined
  // TypeScript's CommonJS output keeps `export default` under `default`, like a namespace.
  if (exported.default !== undefined) return await exported.default
  if (classify(exported)) return exported
  if (classify(exported.app)) return exported.app
  // Cloud platforms also use the name `handler`, so an unmarked function does not count.
  return classify(exported.handler)?.style === 'handler' ? exported.handler : undefined
}
