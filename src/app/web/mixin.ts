/** The methods that Request and Response share (https://fetch.spec.whatwg.org/#body-mixin). */
import type { BodyState } from './body.js'
import { extractMimeType, serializeMimeType } from './mime.js'
import { platform } from './platform.js'

/** The parts of an object that the methods use. */
export interface BodyParts {
  readonly body: BodyState | null
  /** Flat header list, names in lower case. */
  readonly headers: readonly string[]
}

export interface BodyMethods {
  arrayBuffer(): Promise<ArrayBuffer>
  blob(): Promise<Blob>
  bytes(): Promise<Uint8Array<ArrayBuffer>>
  formData(): Promise<FormData>
  json(): Promise<unknown>
  text(): Promise<string>
}

const hasTextStream = Number.parseInt(process.versions.node, 10) >= 26

/** New in Node 26; uses its implementation. */
function textStream(this: { body: ReadableStream | null }): unknown {
  const made = new (platform().Response)(this.body as never)
  return (made as unknown as { textStream(): unknown }).textStream()
}

/** Adds the methods to a class. `parts` throws a TypeError for anything but an instance. */
export function mixinBody(prototype: object, parts: (self: unknown) => BodyParts): void {
  const bytes = async (self: unknown): Promise<Uint8Array<ArrayBuffer>> =>
    (await parts(self).body?.bytes()) ?? new Uint8Array(0)
  const text = async (self: unknown): Promise<string> => (await parts(self).body?.text()) ?? ''
  const methods: BodyMethods = {
    async blob() {
      const { headers } = parts(this)
      const piece = await bytes(this)
      const type = extractMimeType(contentTypes(headers))
      return new Blob([piece], { type: type ? serializeMimeType(type) : '' })
    },
    async arrayBuffer() {
      return (await bytes(this)).buffer
    },
    text() {
      return text(this)
    },
    async json() {
      return JSON.parse(await text(this))
    },
    async formData() {
      const { headers } = parts(this)
      const piece = await bytes(this)
      const init = contentTypes(headers).map((value): [string, string] => ['content-type', value])
      return new (platform().Response)(piece, { headers: init }).formData()
    },
    bytes() {
      return bytes(this)
    },
  }
  const all: Record<string, unknown> = hasTextStream ? { ...methods, textStream } : { ...methods }
  for (const [name, method] of Object.entries(all)) {
    Object.defineProperty(prototype, name, {
      value: method,
      writable: true,
      configurable: true,
      enumerable: true,
    })
  }
}

function contentTypes(headers: readonly string[]): string[] {
  return headers.filter((_, i) => i % 2 === 1 && headers[i - 1] === 'content-type')
}
