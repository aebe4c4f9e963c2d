/**
 * Under `ulimit -v` (shared hosts) WebAssembly memory cannot be allocated: V8 reserves 10 GB of addresses for
 * each. Node 20 and 22 allocate one when undici loads, and an app that only names `FormData` crashes with an
 * unhandled rejection. With this guard loading always succeeds; only using it fails.
 */

const httpParser = 'wasm_on_headers_complete'
const advice =
  'fetch() needs WebAssembly memory, which the address-space limit of this process (ulimit -v) does not allow; start node with --disable-wasm-trap-handler'

type Instantiate = (module: object, imports?: Record<string, object>) => Promise<object>

declare const WebAssembly: { instantiate: Instantiate }

let guarding = false

/** Keeps undici's HTTP parser from crashing the process when there is no memory for it. */
export function guardWebAssembly(): void {
  // Node 24 and later allocate the memory with the first request, and report the error there.
  if (guarding || Number.parseInt(process.versions.node, 10) >= 24) return
  guarding = true
  const original = WebAssembly.instantiate
  const guarded = {
    instantiate(module: object, imports?: Record<string, object>) {
      const made = original.call(WebAssembly, module, imports)
      return imports?.env && httpParser in imports.env ? made.catch(failLater) : made
    },
  }
  Object.defineProperty(WebAssembly, 'instantiate', { value: guarded.instantiate })
}

function failLater(error: unknown): { exports: object } {
  if (!(error instanceof RangeError)) throw error
  const get = (): never => {
    throw new RangeError(advice, { cause: error })
  }
  return { exports: new Proxy({}, { get }) }
}
