/**
 * `cgiup/cgi`: one CGI request over given streams, without touching the process.
 *
 * @module
 */

export { type CgiResult, type RunCgiOptions, runCgi } from './run/run-cgi.js'
