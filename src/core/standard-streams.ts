/**
 * stdout and stderr of a server process. An exited log reader (EPIPE), a closed terminal (EIO) or a full disk
 * (ENOSPC) must not end the process: without a listener, Node throws these errors. Nor may a reader that does
 * not read fill its memory: Node buffers what a pipe does not accept.
 */

/** Bytes that may wait for the reader of stdout or stderr; further output is dropped. */
const maxPendingOutput = 1 << 20

const guarded = Symbol.for('cgiup.guarded')

type Getter = (() => NodeJS.WriteStream) & { [guarded]?: true }
type Guarded = NodeJS.WriteStream & { [guarded]?: true }

/** Guards both streams, for the app's own writes too. The streams are created on first use. */
export function guardStandardStreams(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const found = Object.getOwnPropertyDescriptor(process, name)
    const get = found?.get as Getter | undefined
    if (get === undefined || get[guarded] || !found?.configurable) continue
    const guardedGet: Getter = () => guard(get.call(process))
    guardedGet[guarded] = true
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get: guardedGet })
  }
}

/** A failed write is lost, but later ones are still attempted: a named pipe may get a new reader. */
function guard(stream: Guarded): NodeJS.WriteStream {
  if (stream[guarded]) return stream
  stream[guarded] = true
  stream.on('error', ignore)
  const write = stream.write
  let dropped = 0
  stream.write = (...args: unknown[]): boolean => {
    try {
      if (stream.writableLength > maxPendingOutput) {
        dropped++
        callBack(args)
        return false
      }
      if (dropped > 0) {
        const count = dropped
        dropped = 0
        write.call(
          stream,
          `cgiup: ${count} writes to this log were dropped, because its reader did not keep up\n`,
        )
      }
      return write.apply(stream, args as Parameters<typeof write>)
    } catch {
      callBack(args)
      return true
    }
  }
  return stream
}

/** Calls the callback of a dropped write. */
function callBack(args: readonly unknown[]): void {
  const last = args.at(-1)
  if (typeof last === 'function') process.nextTick(last as () => void)
}

function ignore(): void {}
