/** The options of `run()`, resolved once: one part for each room that obeys them. */
import type { App, AppOptions } from '../app/types.js'
import type { ServiceOptions } from '../serve/limits.js'
import type { ServerName } from './detect.js'
import { errorPage } from './error-page.js'
import type { CgiOptions, RunOptions } from './options.js'

/** What `run()` is to do. */
export interface RunPlan {
  /** What was asked for; detection decides. */
  readonly server: ServerName | undefined
  /** What was asked for; `core/development` decides. */
  readonly development: boolean | undefined
  readonly quiet: boolean
  readonly onError: NonNullable<RunOptions['onError']>
  /** How apps see the request. */
  readonly app: AppOptions
  /** FastCGI: apps of their own for two roles. */
  readonly roles: { readonly authorizer?: App; readonly filter?: App }
  /** Where to listen, and who may connect. */
  readonly place: Pick<RunOptions, 'listen' | 'host' | 'port' | 'socketMode' | 'socketGroup'>
  readonly access: Pick<RunOptions, 'allow' | 'allowedHosts'>
  readonly limits: ServiceOptions
  readonly cgi: CgiOptions
  /** The life of the process. */
  readonly life: Pick<RunOptions, 'workers' | 'recycle' | 'restartOnChange' | 'graceMs'>
  /** Something is in the options that has to be checked even in a CGI script, which is to load little. */
  readonly unchecked: boolean
}

export function resolveOptions(options: RunOptions): RunPlan {
  const { server, development, quiet, onError, limits, cgi, ...more } = options
  const { mount, target, url, authorizer, filter, ...others } = more
  const { listen, host, port, socketMode, socketGroup, allow, allowedHosts, ...rest } = others
  const { workers, recycle, restartOnChange, graceMs, repairs, ...unknown } = rest
  // A new option that no part has is an error here.
  const nothing: Record<string, never> = unknown
  const { maxBodyBytes } = limits ?? {}
  return {
    server,
    development,
    quiet: quiet ?? false,
    onError: onError ?? errorPage(development),
    app: given({ mount, target, url }),
    roles: given({ authorizer, filter }),
    place: given({ listen, host, port, socketMode, socketGroup }),
    access: given({ allow, allowedHosts }),
    limits: limits ?? {},
    cgi: given({ maxBodyBytes, ...cgi }),
    life: given({ workers, recycle, restartOnChange, graceMs }),
    unchecked:
      Boolean(limits || cgi || target || url || repairs !== undefined) || Object.keys(nothing).length > 0,
  }
}

/** Without what is undefined. */
function given<T extends object>(options: T): { [name in keyof T]?: Exclude<T[name], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
}
