/**
 * cgiup: one app file that runs as a CGI script and as an HTTP server.
 *
 * @module
 */

import { beginScript } from './run/begin.js'

export { handler } from './app/handler.js'
export type { NodeRequest } from './app/node/request.js'
export type { App, AppOptions, FetchApp, FetchContext, MarkedHandler, NodeApp } from './app/types.js'
export type { ErrorCode } from './core/errors.js'
export { AppError, CgiupError, ProgramError, RequestError, UsageError } from './core/errors.js'
export type { Body, Env, Exchange, Gateway, Handler, HeaderList, Reply } from './core/exchange.js'
export type { RecycleOptions } from './process/recycle.js'
export type { ServerName } from './run/detect.js'
export { serverNames } from './run/detect.js'
export type { CgiOptions, Running, RunOptions } from './run/options.js'
export { run } from './run/run.js'

beginScript()
