/**
 * `cgiup/test`, the test kit: calls an app without sockets, and runs scripts as a web server would.
 *
 * @module
 */

export type { TestServer } from './memory/memory.js'
export type { TestInit } from './memory/request.js'
export type { TestResponse } from './memory/response.js'
export { emulate } from './test/emulate.js'
export type { EmulateOptions } from './test/in-process.js'
export { type MemoryOptions, memory } from './test/memory.js'
