/**
 * cgiup: one app file that runs as a CGI script and as an HTTP server.
 *
 * @module
 */

import { installLightWeb } from './app/web/install.js'
import { takeStdout } from './cgi/stdio.js'
import { detect, stdinKind } from './detect.js'

export type {
  App,
  AppOptions,
  FetchApp,
  FetchContext,
  MarkedHandler,
  NodeApp,
} from './app/handler.js'
export { handler } from './app/handler.js'
export type { NodeRequest } from './app/node/request.js'
export type { ServerName } from './detect.js'
export { serverNames } from './detect.js'
export type { ErrorCode } from './errors.js'
export { AppError, CgiupError, ProgramError, RequestError, UsageError } from './errors.js'
export type { Body, Env, Exchange, Gateway, Handler, HeaderList, Reply } from './exchange.js'
export type { CgiOptions, Running, RunOptions } from './run.js'
export { run } from './run.js'

// A CGI script's stdout is its reply (RFC 3875 section 6.1), and imports run before the script's own
// code: this is the last moment to take it, and to spare the process the platform's web classes.
if (startedAsCgi()) {
  takeStdout()
  installLightWeb()
}

function startedAsCgi(): boolean {
  try {
    return detect({ env: process.env, stdin: stdinKind, pid: process.pid }).server === 'cgi'
  } catch {
    return false // CGIUP_SERVER names no server: run() says so.
  }
}
