/** Runs when the package is imported, before the app's own code. */
import { installLightWeb } from '../app/web/install.js'
import { dropQueryWords } from '../cgi/child/query-words.js'
import { printToStderr, takeStdout } from '../cgi/child/stdio.js'
import { guardStandardStreams } from '../core/standard-streams.js'
import { firstParent, leaveSignalsToPrimary } from '../process/parent.js'
import { watchEarlySignals } from '../process/signals-while-loading.js'
import { type Detected, detect, isBehindGateway, stdinKind } from './detect.js'
import { defaultToProduction } from './node-env.js'

/**
 * In a process that a web server started: sets NODE_ENV, installs the light web classes and, as a CGI script,
 * takes over stdout, which carries the reply (RFC 3875 section 6.1); nobody reads the stdout of a FastCGI
 * process (FastCGI 1.0 section 2.2). Imports run before the script's own code, so this is the last moment for
 * both.
 *
 * @param ended called when a CGI script ends.
 */
export function beginScript(ended?: () => void): void {
  leaveSignalsToPrimary()
  const found = whatStarts()
  const server = found?.server ?? 'http'
  if (found !== undefined && isBehindGateway(found)) defaultToProduction()
  if (server === 'http') {
    // An inherited socket: requests are already waiting there.
    if (found?.sockets !== undefined) watchEarly()
    return
  }
  guardStandardStreams()
  installLightWeb()
  if (server !== 'cgi') {
    printToStderr()
    watchEarly()
    return
  }
  dropQueryWords(process.argv, process.env.QUERY_STRING)
  takeStdout()
  if (ended) process.once('exit', ended)
}

function watchEarly(): void {
  process.on('SIGUSR1', endEarly)
  watchEarlySignals()
  firstParent()
}

/**
 * SIGUSR1 ends multiwatch and libfcgi programs, but starts Node's debugger: a process that is asked to end
 * before it serves must not start it. Once it serves, it has its own handler.
 */
export function endEarly(): void {
  if (process.listenerCount('SIGUSR1') === 1) process.exit(0)
}

function whatStarts(): Detected | undefined {
  try {
    return detect({ env: process.env, stdin: stdinKind, pid: process.pid })
  } catch {
    return undefined // CGIUP_SERVER is invalid: run() reports it.
  }
}
