/**
 * The platform's own classes. Naming them loads undici, which costs more than the rest of a CGI process, so
 * only unusual cases use this file.
 */

type ClassName = 'Headers' | 'Request' | 'Response'

interface PlatformClasses {
  readonly Headers: typeof globalThis.Headers
  readonly Request: typeof globalThis.Request
  readonly Response: typeof globalThis.Response
}

/** Loads the platform's classes where they are not loaded yet. */
export const platform = (): PlatformClasses => globalThis

const undiciModule = 'NativeModule internal/deps/undici/undici'
const moduleLoadList = (process as unknown as { moduleLoadList?: unknown }).moduleLoadList
let loaded = false

/** Whether the platform's classes exist already. */
export function platformIsLoaded(): boolean {
  loaded ||= Array.isArray(moduleLoadList) && moduleLoadList.includes(undiciModule)
  return loaded
}

type Light = { prototype: object } & (new (...args: never[]) => object)

/**
 * Makes `instanceof` true both ways: light objects are instances of the platform's class, and the
 * platform's objects are instances of the light one.
 */
export function linkToPlatform(light: Light, name: ClassName): void {
  Object.defineProperty(light, Symbol.hasInstance, {
    value(value: unknown) {
      return hasInstance(this, light, name, value)
    },
  })
  // Code that checks for the platform's class has named it, so it is already loaded.
  const link = new Proxy(Object.create(Object.prototype), {
    getPrototypeOf: () => (platformIsLoaded() ? globalThis[name].prototype : Object.prototype),
  })
  Object.setPrototypeOf(light.prototype, link)
}

const ordinaryHasInstance = Function.prototype[Symbol.hasInstance]

function hasInstance(asked: unknown, light: Light, name: ClassName, value: unknown): boolean {
  if (ordinaryHasInstance.call(asked as () => void, value)) return true
  // A subclass has its own instances only.
  if (asked !== light || typeof value !== 'object' || value === null) return false
  // Check the tag first: that does not load the platform's class.
  if ((value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] !== name) return false
  return value instanceof globalThis[name]
}
