/**
 * cgiup: one app file that runs as a CGI script and as an HTTP server.
 *
 * @module
 */

import { beginScript } from './begin.js'

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
export type { RecycleOptions } from './daemon/recycle.js'
export type { ServerName } from './detect.js'
export { serverNames } from './detect.js'
export type { ErrorCode } from './errors.js'
export { AppError, CgiupError, ProgramError, RequestError, UsageError } from './errors.js'
export type { Body, Env, Exchange, Gateway, Handler, HeaderList, Reply } from './exchange.js'
export type { CgiOptions, Running, RunOptions } from './run.js'
export { run } from './run.js'

beginScript()
