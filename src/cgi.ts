/**
 * `cgiup/cgi`: answers one CGI request over streams you pass in, without touching the process.
 *
 * @module
 */

export { type CgiResult, type RunCgiOptions, runCgi } from './run/run-cgi.js'
