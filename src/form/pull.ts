import type { Readable } from 'node:stream'

/**
 * The next piece of a Node stream, null at its end; rejects when the stream breaks or is destroyed.
 * Unlike `for await` it leaves the stream alone when the reader stops.
 */
export function pull(stream: Readable): Promise<Uint8Array | null> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      stream.off('readable', look).off('end', look).off('error', fail).off('close', look)
      act()
    }
    const fail = (error: unknown) => settle(() => reject(error))
    const look = () => {
      const piece: Uint8Array | null = stream.read()
      if (piece !== null) settle(() => resolve(piece))
      else if (stream.readableEnded) settle(() => resolve(null))
      else if (stream.destroyed) fail(stream.errored ?? new Error('The stream was closed before its end'))
    }
    stream.on('readable', look).on('end', look).on('error', fail).on('close', look)
    look()
  })
}
