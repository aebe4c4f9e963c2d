/** Multipart bodies for the tests, and requests that deliver bytes in chunks of any size. */
import { ReadableStream } from 'node:stream/web'

export const boundary = 'xYzZy-boundary'
export const multipartType = `multipart/form-data; boundary=${boundary}`
export const urlencodedType = 'application/x-www-form-urlencoded'

export interface Part {
  /** Header lines, without line ends. */
  head: string[]
  body?: string | Uint8Array
}

export function field(name: string, value: string): Part {
  return { head: [`Content-Disposition: form-data; name="${name}"`], body: value }
}

export function file(name: string, fileName: string, body: string | Uint8Array, type = 'text/plain'): Part {
  return {
    head: [`Content-Disposition: form-data; name="${name}"; filename="${fileName}"`, `Content-Type: ${type}`],
    body,
  }
}

export function multipart(...parts: Part[]): Buffer {
  const pieces: Buffer[] = []
  for (const { head, body } of parts) {
    pieces.push(Buffer.from(`--${boundary}\r\n${head.join('\r\n')}\r\n\r\n`))
    pieces.push(Buffer.from(body ?? ''), Buffer.from('\r\n'))
  }
  pieces.push(Buffer.from(`--${boundary}--\r\n`))
  return Buffer.concat(pieces)
}

/** The state of a body that a test delivers chunk by chunk. */
export interface Fate {
  cancelled: boolean
  sent: number
}

/** A fetch Request (the platform's class) whose body arrives in chunks of `size` bytes. */
export function request(type: string, bytes: string | Uint8Array, size = 65_536): Request & { fate: Fate } {
  const fate: Fate = { cancelled: false, sent: 0 }
  const all = Buffer.from(bytes)
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (fate.sent >= all.length) return controller.close()
        const piece = all.subarray(fate.sent, fate.sent + size)
        fate.sent += piece.length
        controller.enqueue(Uint8Array.from(piece))
      },
      cancel() {
        fate.cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  const made = new Request('http://localhost/form', {
    method: 'POST',
    headers: { 'content-type': type },
    body,
    duplex: 'half',
  })
  return Object.assign(made, { fate })
}

/** The error with which a promise rejects; a test fails if it does not reject. */
export async function failure(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; status?: number; limit?: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('It was accepted')
}
