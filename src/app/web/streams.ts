/** ReadableStreams and their state. `node:stream` is loaded with the first of them. */
import type { Body } from '../../core/exchange.js'

let nodeStream: typeof import('node:stream') | undefined

/** Whether a stream (or a Node Readable) was read from or cancelled. */
export function isDisturbed(stream: object): boolean {
  nodeStream ??= process.getBuiltinModule('node:stream')
  return nodeStream.Readable.isDisturbed(stream as never)
}

/** `bytes` is transferred. */
export function streamOfBytes(bytes: Uint8Array<ArrayBuffer>): ReadableStream {
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (bytes.byteLength) controller.enqueue(bytes)
      queueMicrotask(() => close(controller))
    },
  })
}

/** Passes back-pressure on to the adapter: reads only on demand. */
export function streamOfBody(body: Body): ReadableStream {
  return new ReadableStream(
    {
      type: 'bytes',
      async pull(controller) {
        const piece = await body.read()
        if (piece === null) close(controller)
        // enqueue() takes the memory from its owner, who may still use other parts of it.
        else controller.enqueue(body.owned && piece.length >= 4096 ? plain(piece) : new Uint8Array(piece))
      },
      cancel: () => body.cancel(),
    },
    { highWaterMark: 0 },
  )
}

/** The same memory as a plain Uint8Array instead of a Buffer. */
const plain = (piece: Uint8Array): Uint8Array<ArrayBuffer> =>
  new Uint8Array(piece.buffer as ArrayBuffer, piece.byteOffset, piece.byteLength)

/** Async iterables and Node Readables: what they yield is converted to bytes like Buffer.from does. */
export function streamOfIterable(iterable: AsyncIterable<unknown>): ReadableStream {
  let iterator: AsyncIterator<unknown>
  return new ReadableStream({
    type: 'bytes',
    start() {
      iterator = iterable[Symbol.asyncIterator]()
    },
    async pull(controller) {
      const step = await iterator.next()
      if (step.done) {
        queueMicrotask(() => close(controller))
        return
      }
      const bytes = new Uint8Array(Buffer.from(step.value as string))
      if (bytes.byteLength) controller.enqueue(bytes)
    },
    async cancel() {
      await iterator.return?.()
    },
  })
}

function close(controller: import('node:stream/web').ReadableByteStreamController): void {
  try {
    controller.close()
    controller.byobRequest?.respond(0)
  } catch {
    // The stream was cancelled meanwhile.
  }
}
