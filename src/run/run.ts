/** `run(app)`: connects an app to the server that fits how this process was started. */

import type { App } from '../app/types.js'
import { isDevelopment } from '../core/development.js'
import type { CgiupError } from '../core/errors.js'
import type { Handler } from '../core/exchange.js'
import { type Detected, detect, isBehindGateway, stdinKind } from './detect.js'
import { currentLaunch, overridden } from './launch-state.js'
import { defaultToProduction } from './node-env.js'
import type { Running, RunOptions } from './options.js'
import { type RunPlan, resolveOptions } from './resolve.js'

/**
 * Serves an app: as a CGI script, FastCGI or SCGI process when something started it as one, else as an HTTP
 * server for development.
 *
 * Failures (a port in use, a value that is not an app) reject the promise. If nothing handles the rejection,
 * it is printed in two lines and the process exits with 1.
 *
 * @throws UsageError SERVER_UNKNOWN, REPAIRS_INVALID, ADDRESS_INVALID, LISTEN_TAKEN, LISTEN_FAILED, USAGE
 * @throws AppError APP_SHAPE (HTTP; under CGI the reply is then a 500 page)
 */
export function run(app: App, options: RunOptions = {}): Promise<Running> {
  const launch = currentLaunch()
  const running = start(app, typeof options === 'object' ? overridden(options, launch?.options) : options)
  if (launch) launch.running = running
  return new Watched(running, launch !== undefined)
}

/** A promise that prints its failure when no code handles it. */
class Watched extends Promise<Running> {
  #taken: boolean

  /** @param taken the caller itself awaits the work */
  constructor(work: Promise<Running>, taken: boolean) {
    super((resolve, reject) => void work.then(resolve, reject))
    this.#taken = taken
    super.then(undefined, (error) => setImmediate(() => this.#fail(error)))
  }

  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  // `await` calls this too, because this is a subclass of Promise.
  // biome-ignore lint/suspicious/noThenProperty: seeing whether somebody waits is what it is for
  override then<A = Running, B = never>(
    done?: ((value: Running) => A | PromiseLike<A>) | null,
    failed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#taken = true
    return super.then(done, failed)
  }

  #fail(error: unknown): void {
    if (this.#taken) return
    process.stderr.write(`${failureLines(error)}\n`)
    process.exit(1)
  }
}

/**
 * True for errors of another copy of this package too: a global `cgiup` runs an app that imports the local
 * one.
 */
export const isOwnError = (error: unknown): error is CgiupError =>
  error instanceof Error && typeof (error as Partial<CgiupError>).fix === 'string'

/** A failure for the terminal: what was seen and what to do; a stack only for a bug. */
export function failureLines(error: unknown): string {
  if (isOwnError(error)) return `cgiup: ${error.message}\n       ${error.fix}`
  return error instanceof Error ? (error.stack ?? String(error)) : String(error)
}

async function start(app: App, options: RunOptions): Promise<Running> {
  const found = detect({ env: process.env, server: options.server, stdin: stdinKind, pid: process.pid })
  if (isBehindGateway(found) && defaultToProduction(options.development))
    (await import('./late-node-env.js')).sayLate(found.server)
  const plan = resolveOptions(options)
  if (found.server === 'cgi') return startCgi(app, options, plan, found)
  const { startPersistent } = await import('./persistent.js')
  return startPersistent(app, options, plan, found)
}

async function startCgi(app: App, options: RunOptions, plan: RunPlan, { why }: Detected): Promise<Running> {
  const [{ serveCgi }, { toHandler }] = await Promise.all([
    import('../cgi/child/child.js'),
    import('../app/handler.js'),
  ])
  let handler: Handler
  try {
    if (plan.unchecked || process.env.CGIUP_REPAIRS) await (await import('./check.js')).checkOptions(options)
    handler = await toHandler(app, plan.app)
  } catch (error) {
    // A web server waits for a reply: send the error page, and log the reason.
    handler = () => {
      throw error
    }
  }
  if (isDevelopment('cgi', plan.development))
    handler = (await import('../core/recorded-output.js')).recordOutput(handler)
  await serveCgi(handler, { ...plan.cgi, onError: plan.onError })
  return { server: 'cgi', why, close: async () => {} }
}
