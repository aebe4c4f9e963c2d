/**
 * `cgiup/host`: a local CGI host. Handlers that run CGI scripts in any language, static files, and a server
 * for them.
 *
 * ```js
 * import { accessLog, cgiBin, files, mount, serve } from 'cgiup/host'
 * await serve(mount({ '/cgi-bin': cgiBin('cgi-bin'), '/': files('htdocs') }), { port: 8080, log: accessLog() })
 * ```
 */

export { ScriptError, type ScriptReport } from './cgi/script/error.js'
export type { Script, ScriptOptions } from './cgi/script/types.js'
export type { Exchange, Handler, Reply } from './core/exchange.js'
export { type AccessLogOptions, accessLog } from './host/access-log.js'
export { type CgiBinOptions, cgiBin, script } from './host/cgi-bin.js'
export { type FilesOptions, files } from './host/files.js'
export { mount } from './host/mount.js'
export type { HostOptions } from './host/options.js'
export { type ServeOptions, serve } from './host/serve.js'
export type { AccessEntry, CloseOptions, HttpOptions, HttpServer } from './http/server/server.js'
