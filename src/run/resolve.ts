/** The options of `run()`, resolved once and split by the folder that uses them. */
import type { App, AppOptions } from '../app/types.js'
import type { ServiceOptions } from '../serve/limits.js'
import type { ServerName } from './detect.js'
import { errorPage } from './error-page.js'
import type { CgiOptions, RunOptions } from './options.js'

/** The resolved options of `run()`. */
export interface RunPlan {
  /** The caller's choice; if undefined, detection decides. */
  readonly server: ServerName | undefined
  /** The caller's option, for core/development.ts, which decides. */
  readonly development: boolean | undefined
  readonly quiet: boolean
  readonly onError: NonNullable<RunOptions['onError']>
  /** How apps see the request. */
  readonly app: AppOptions
  /** FastCGI: separate apps for two roles. */
  readonly roles: { readonly authorizer?: App; readonly filter?: App }
  /** Where to listen, and which clients may connect. */
  readonly place: Pick<RunOptions, 'listen' | 'host' | 'port' | 'socketMode' | 'socketGroup'>
  readonly access: Pick<RunOptions, 'allow' | 'allowedHosts'>
  readonly limits: ServiceOptions
  readonly cgi: CgiOptions
  /** The life of the process. */
  readonly life: Pick<RunOptions, 'workers' | 'recycle' | 'restartOnChange' | 'graceMs'>
  /** Whether some option must be checked: only then does a CGI script load the checks. */
  readonly unchecked: boolean
}

export function resolveOptions(options: RunOptions): RunPlan {
  const { server, development, quiet, onError, limits, cgi, ...more } = options
  const { mount, target, url, authorizer, filter, ...others } = more
  const { listen, host, port, socketMode, socketGroup, allow, allowedHosts, ...rest } = others
  const { workers, recycle, restartOnChange, graceMs, repairs, ...unknown } = rest
  // A type error here means that a new option was not assigned to any part.
  const nothing: Record<string, never> = unknown
  const { maxBodyBytes } = limits ?? {}
  return {
    server,
    development,
    quiet: quiet ?? false,
    // An invalid `onError` is itself an error, for which a page is still needed.
    onError: typeof onError === 'function' ? onError : errorPage(development),
    app: given({ mount, target, url }),
    roles: given({ authorizer, filter }),
    place: given({ listen, host, port, socketMode, socketGroup }),
    access: given({ allow, allowedHosts }),
    limits: limits ?? {},
    cgi: given({ maxBodyBytes, ...cgi }),
    life: given({ workers, recycle, restartOnChange, graceMs }),
    unchecked:
      [limits, cgi, target, url, repairs].some((value) => value !== undefined) ||
      isOdd(options, 'object') ||
      isOdd(mount, 'string') ||
      isOdd(development, 'boolean') ||
      isOdd(onError, 'function') ||
      Object.keys(nothing).length > 0,
  }
}

const isOdd = (value: unknown, type: string): boolean => value !== undefined && typeof value !== type

/** The options without undefined values. */
function given<T extends object>(options: T): { [name in keyof T]?: Exclude<T[name], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
}
