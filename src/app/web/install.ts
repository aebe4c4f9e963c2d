/** Installs the light classes as global names such as `Response`, for every module. */
import { Headers } from './headers.js'
import { platformIsLoaded } from './platform.js'
import { platformRequest, Request } from './request.js'
import { Response } from './response.js'
import { guardWebAssembly } from './wasm.js'

let installed = false

/** Whether the global names refer to the light classes in this process. */
export const lightWebIsInstalled = (): boolean => installed

/**
 * Makes `Request`, `Response` and `Headers` mean the light classes in all modules of this process.
 * `globalThis.Response` is still the platform's. Does nothing when undici is already loaded, or other code
 * has replaced the names.
 */
export function installLightWeb(): void {
  if (installed) return
  // Needed even if undici is already loaded: `import 'node:http'` in the app's file loads it on Node 22, and
  // its parser may still be compiling.
  guardWebAssembly()
  if (platformIsLoaded()) return
  const vm = process.getBuiltinModule('node:vm')
  // A script-level declaration hides the global property without touching it: replacing the property would
  // lose the platform's class, and reading it would load undici.
  const source = 'let Request, Response, Headers; (a, b, c) => { Request = a; Response = b; Headers = c }'
  try {
    vm.runInThisContext(source, { filename: 'cgiup:web' })(Request, Response, Headers)
  } catch {
    return
  }
  installed = true
  acceptInFetch()
}

/** The platform's fetch() accepts only the platform's Request. */
function acceptInFetch(): void {
  const send = globalThis.fetch as (input: unknown, init?: unknown) => Promise<unknown>
  const light = {
    // An invalid Request rejects; it does not throw.
    async fetch(input: unknown, init: unknown = undefined) {
      return send(platformRequest(input), init)
    },
  }.fetch
  const known = Object.getOwnPropertyDescriptor(globalThis, 'fetch')
  Object.defineProperty(globalThis, 'fetch', { ...known, value: light })
}
