/**
 * Puts the light classes where programs look for them: free names such as `Response` in any module.
 */
import { Headers } from './headers.js'
import { platformIsLoaded } from './platform.js'
import { platformRequest, Request } from './request.js'
import { Response } from './response.js'
import { guardWebAssembly } from './wasm.js'

let installed = false

/** Whether free names mean the light classes in this process. */
export const lightWebIsInstalled = (): boolean => installed

/**
 * From here on `Request`, `Response` and `Headers` mean the light classes, in all modules of this
 * process. `globalThis.Response` is still the platform's. Does nothing where undici is loaded
 * already, or somebody else has taken the names.
 */
export function installLightWeb(): void {
  if (installed) return
  // Also where undici is loaded: `import 'node:http'` in the app's file has done that on Node 22, and
  // its parser is still being compiled.
  guardWebAssembly()
  if (platformIsLoaded()) return
  const vm = process.getBuiltinModule('node:vm')
  // A declaration of a script hides the global object's property without touching it: replacing
  // the property would lose the platform's class, reading it would load undici.
  const source = 'let Request, Response, Headers; (a, b, c) => { Request = a; Response = b; Headers = c }'
  try {
    vm.runInThisContext(source, { filename: 'cgiup:web' })(Request, Response, Headers)
  } catch {
    return
  }
  installed = true
  acceptInFetch()
}

/** fetch() of the platform takes the platform's Request only. */
function acceptInFetch(): void {
  const send = globalThis.fetch as (input: unknown, init?: unknown) => Promise<unknown>
  const light = {
    // A Request that cannot be sent rejects, it does not throw.
    async fetch(input: unknown, init: unknown = undefined) {
      return send(platformRequest(input), init)
    },
  }.fetch
  const known = Object.getOwnPropertyDescriptor(globalThis, 'fetch')
  Object.defineProperty(globalThis, 'fetch', { ...known, value: light })
}
