/**
 * Runs an app file: serves the app it exports, or leaves that to the file's own `run()` or `listen()` call.
 */
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { type CaughtServer, catchListen, type ListenTrap, mayListen } from '../app/listen.js'
import { appOf, type Exports, loadModule } from '../app/load.js'
import type { App } from '../app/types.js'
import { UsageError } from '../core/errors.js'
import { handler, run } from '../index.js'
import { checkOptions } from '../run/check.js'
import { detect, isBehindGateway, stdinKind } from '../run/detect.js'
import { beginLaunch, type Launch } from '../run/launch-state.js'
import { defaultToProduction } from '../run/node-env.js'
import type { Running, RunOptions } from '../run/options.js'
import { needsWorkers } from '../run/persistent.js'
import { resolveOptions } from '../run/resolve.js'

/**
 * @param options override those in the file's own call of `run()`
 * @throws UsageError APP_FILE, APP_MISSING, and what `run()` throws; whatever the file throws
 */
export async function launchFile(file: string, options: RunOptions): Promise<Running> {
  const found = statSync(file, { throwIfNoEntry: false })
  if (found === undefined) throw await missing(file)
  if (found.isDirectory()) throw directory(file)
  const launcher = detect({ env: process.env, server: options.server, stdin: stdinKind, pid: process.pid })
  // Before the file is loaded, because frameworks read NODE_ENV while they load.
  if (isBehindGateway(launcher)) defaultToProduction(options.development)
  const plan = resolveOptions(options)
  if (await needsWorkers(plan, launcher)) {
    await checkOptions(options)
    // Only the workers load the app.
    const { startWorkers } = await import('../run/workers.js')
    return startWorkers(plan, launcher)
  }
  const launch = beginLaunch(options, resolve(file))
  const trap = startsServer(file) ? catchListen(() => launch.running !== undefined) : null
  let exported: Exports
  try {
    exported = await loadModule(file)
  } catch (error) {
    trap?.release()
    if (launch.running || launcher.server !== 'cgi') throw notAnApp(file, error)
    // The web server waits for a reply: send the error page, and log the reason.
    const failing = handler(() => {
      throw error
    })
    return run(failing)
  }
  if (launch.running) return launch.running
  const app = await appOf(exported)
  if (app === undefined && trap !== null) return runCaught(file, trap, launch)
  trap?.release()
  if (app === undefined) throw noApp(file)
  return run(app as App)
}

function startsServer(file: string): boolean {
  try {
    return mayListen(readFileSync(file, 'latin1'))
  } catch {
    return false // Loading the file reports why it cannot be read.
  }
}

/** A program that calls `app.listen()`. As an HTTP server it gets the port it asked for. */
async function runCaught(file: string, trap: ListenTrap, launch: Launch): Promise<Running> {
  const caught = await trap.first()
  trap.release()
  // The file called run() after all, but only after it had loaded.
  if (launch.running) return launch.running
  if (caught === null) throw noApp(file)
  return run(caught.server, placeOf(caught))
}

function placeOf({ asked: { path, ...place } }: CaughtServer): RunOptions {
  return path === undefined ? place : { listen: `unix:${path}` }
}

async function missing(file: string): Promise<UsageError> {
  const { missingFile } = await import('./missing-file.js')
  const { nearest } = await import('../core/did-you-mean.js')
  const near = /[/.]/.test(file) ? undefined : nearest(file, ['call', 'host', 'help'])
  const hint = near === undefined ? '' : ` Did you mean the command ${near}?`
  return new UsageError('APP_FILE', `${missingFile(file, 'file')}${hint}`)
}

/** Names the interpreter of a file that does not parse, if its first line names one other than Node. */
function notAnApp(file: string, error: unknown): unknown {
  if (!(error instanceof SyntaxError)) return error
  const [first = ''] = readFileSync(file, 'latin1').split(/\r?\n/, 1)
  if (!first.startsWith('#!') || /\b(?:node|cgiup|tsx|bun|deno)\b/.test(first)) return error
  return new UsageError(
    'APP_FILE',
    `${file} is not JavaScript: its first line is ${JSON.stringify(first)}. To serve it as a CGI script: cgiup host ${file}`,
    { cause: error },
  )
}

function directory(file: string): UsageError {
  return new UsageError('APP_FILE', `${file} is a directory. To serve the scripts in it: cgiup host ${file}`)
}

function noApp(file: string): UsageError {
  return new UsageError('APP_MISSING', `${file} neither exports an app nor starts one.`)
}
