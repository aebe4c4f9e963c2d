/** Runs scripts as a web server does: one process per request. */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { App } from '../app/types.js'
import { interpreterOf } from '../cgi/script/program.js'
import { runScript } from '../cgi/script/script.js'
import type { ScriptOptions } from '../cgi/script/types.js'
import { UsageError } from '../core/errors.js'
import type { Reply } from '../core/exchange.js'
import { checkOption } from '../core/limits/check.js'
import { longestMs } from '../core/limits/limit.js'
import type { MemoryExchange } from '../memory/exchange.js'
import { MemoryServer, type TestServer } from '../memory/memory.js'
import { errorPage } from '../run/error-page.js'
import type { EmulateOptions } from './in-process.js'
import { inProcess } from './in-process.js'

/**
 * Answers each request with a new process, as mod_cgi does: real environment, real pipes, real exit code. A
 * path or file URL names an executable script in any language, or an app file (`export default app`).
 *
 * An app object cannot move to another process, so it runs in this one: the same code and real CGI output,
 * but without its own environment and stdout.
 *
 * @example
 * const server = emulate(new URL('./hello.cgi', import.meta.url))
 * const response = await server.fetch('/?name=you')
 *
 * @throws UsageError USAGE when there is no such file or `timeoutMs` is invalid; from `fetch()` when a file is
 *   called in a FastCGI role, which CGI does not have
 */
export function emulate(target: App | string | URL, options: EmulateOptions = {}): TestServer {
  const onError = options.onError ?? errorPage(options.development ?? true)
  const isFile = typeof target === 'string' || target instanceof URL
  const handler = isFile ? scriptHandler(target, options) : inProcess(target, { ...options, onError })
  return new MemoryServer(handler, { ...options, onError }, !isFile)
}

function scriptHandler(
  target: string | URL,
  options: EmulateOptions,
): (exchange: MemoryExchange) => Promise<Reply> {
  const file =
    typeof target === 'string' && !target.startsWith('file:') ? resolve(target) : fileURLToPath(target)
  if (!existsSync(file)) throw new UsageError('USAGE', `There is no file ${file} to run as a script.`)
  const interpreter = options.interpreter ?? interpreterOf(file)
  checkOption('timeoutMs', options.timeoutMs, 'a number of milliseconds, 0 or more', isTime)
  const settings = scriptOptions(options)
  return (exchange) => {
    const { env } = exchange
    const script = {
      file,
      scriptName: env.get('SCRIPT_NAME') ?? '',
      pathInfo: env.get('PATH_INFO') ?? '',
      ...(interpreter !== undefined && { interpreter }),
    }
    return runScript(exchange, script, { ...settings, env: { ...settings.env, ...exchange.extra } })
  }
}

const isTime = (value: unknown): boolean => typeof value === 'number' && value >= 0

function scriptOptions({
  inherit,
  passAuthorization,
  timeoutMs,
  development,
}: EmulateOptions): ScriptOptions {
  return {
    env: development === false ? {} : { NODE_ENV: 'development' },
    passAuthorization: passAuthorization ?? true,
    totalTimeoutMs: Math.min(timeoutMs ?? 30_000, longestMs),
    stderrPrefix: '',
    ...(inherit && { inherit: ['PATH', 'TZ', ...inherit] }),
  }
}
