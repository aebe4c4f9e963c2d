/** Options of the handlers that run scripts, and their resolved form. */
import { accessSync, constants, realpathSync } from 'node:fs'
import { basename, isAbsolute, resolve } from 'node:path'
import { type PlaceLimits, ScriptPlaces } from '../cgi/script/places.js'
import type { Script, ScriptOptions } from '../cgi/script/types.js'
import { developsScripts } from '../core/development.js'
import { UsageError } from '../core/errors.js'
import type { Exchange } from '../core/exchange.js'
import { checkLimits, namesOf } from '../core/limits/check.js'
import { limitValues } from '../core/limits/limit.js'
import { placeLimits, scriptLimits } from '../core/limits/scripts.js'

export interface HostOptions extends Omit<ScriptOptions, 'localRedirect'>, PlaceLimits {
  /**
   * Interpreters by file extension: `{ '.py': 'python3', '.php': 'php-cgi' }`, or with arguments `{ '.pl':
   * ['perl', '-T'] }`. Such files need no execute permission. php-cgi gets its file through SCRIPT_FILENAME,
   * as it expects. Default: none; scripts are executed directly.
   */
  readonly handler?: Readonly<Record<string, string | readonly string[]>>
  /** Directory for PATH_TRANSLATED and DOCUMENT_ROOT. Default: the script directory. */
  readonly documentRoot?: string
  /**
   * Show detailed error pages and lists of scripts, and run scripts with NODE_ENV=development (or with this
   * process's NODE_ENV if it is set). True: for every client, so never use it on a public server. False: for
   * nobody. Default: over HTTP, unless NODE_ENV is `production`, for requests from this machine that no proxy
   * sent; behind a gateway only with NODE_ENV=development.
   */
  readonly development?: boolean
}

/** The options that are not limits. */
const ownNames = namesOf<Omit<HostOptions, keyof typeof scriptLimits | keyof PlaceLimits>>({
  handler: true,
  documentRoot: true,
  development: true,
  env: true,
  inherit: true,
  passAuthorization: true,
  stderrPrefix: true,
})

export type Interpreters = ReadonlyMap<string, Pick<Script, 'interpreter' | 'fileFromEnv'>>

export interface HostSettings {
  readonly interpreters: Interpreters
  readonly documentRoot: string
  /** The caller's option; {@link showsDevelopment} decides for each request. */
  readonly development: boolean | undefined
  /** Without NODE_ENV, which depends on the request. */
  readonly script: ScriptOptions
  /** Shared by all requests of the handler. */
  readonly places: ScriptPlaces
}

/** The options of one run: development mode only for clients that may see its pages. */
export function scriptOptions({ script, development }: HostSettings, exchange: Exchange): ScriptOptions {
  const NODE_ENV =
    process.env.NODE_ENV || (developsScripts(exchange, development) ? 'development' : undefined)
  return NODE_ENV === undefined ? script : { ...script, env: { NODE_ENV, ...script.env } }
}

/**
 * @param owner the function that has the options, such as `cgiBin()`
 * @param others names of its options beyond {@link HostOptions}
 * @throws UsageError USAGE
 */
export function settings(
  owner: string,
  options: HostOptions,
  directory: string,
  others: readonly string[],
): HostSettings {
  checkLimits(owner, { ...scriptLimits, ...placeLimits }, options, [...ownNames, ...others])
  const { handler, documentRoot, development, ...script } = options
  return {
    interpreters: interpreters(handler ?? {}),
    documentRoot: documentRoot === undefined ? directory : directoryPath(documentRoot),
    development,
    script: { ...script, ...limitValues(scriptLimits, script) },
    places: new ScriptPlaces(options),
  }
}

function interpreters(table: NonNullable<HostOptions['handler']>): Interpreters {
  const map = new Map<string, Pick<Script, 'interpreter' | 'fileFromEnv'>>()
  for (const [extension, value] of Object.entries(table)) {
    const [program = '', ...args] = typeof value === 'string' ? [value] : value
    if (!/^\.[^/]+$/.test(extension) || program === '') {
      throw new UsageError(
        'USAGE',
        `The handler ${extension}=${program} is not valid; write it as ".py=python3".`,
      )
    }
    // A relative path is resolved from the working directory, not from each script's directory.
    const found = program.includes('/') && !isAbsolute(program) ? resolve(program) : program
    map.set(extension, {
      interpreter: [found, ...args],
      fileFromEnv: basename(program).startsWith('php-cgi'),
    })
  }
  return map
}

/**
 * The command for a file, by the longest extension with an interpreter; undefined when the file is executed
 * directly.
 */
export function mappedInterpreter(
  file: string,
  map: Interpreters,
): Pick<Script, 'interpreter' | 'fileFromEnv'> | undefined {
  if (map.size === 0) return undefined
  const name = basename(file)
  for (let at = name.indexOf('.', 1); at >= 0; at = name.indexOf('.', at + 1)) {
    const found = map.get(name.slice(at))
    if (found) return found
  }
  return undefined
}

/** @throws UsageError USAGE when the directory does not exist */
export function directoryPath(path: string): string {
  try {
    return realpathSync.native(path)
  } catch {
    throw new UsageError('USAGE', `${resolve(path)} does not exist.`)
  }
}

/** True when a file can be run: it has an interpreter, or this user may execute it. */
export function runs(file: string, interpreters: Interpreters): boolean {
  if (mappedInterpreter(file, interpreters)) return true
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
