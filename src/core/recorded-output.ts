/** Development: keeps what the app prints during a request, for the error page. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Exchange, Handler } from './exchange.js'

/** How much output of one request is kept for the error page, in characters, counted from the end. */
export const maxKeptOutput = 16_384

class Output {
  text = ''
  /** Set inside `exchange.stderr()`, which may write to a stream that is also recorded. */
  quiet = false

  add(piece: unknown): void {
    if (this.quiet) return
    const text = typeof piece === 'string' ? piece : piece instanceof Uint8Array ? decode(piece) : ''
    this.text = (this.text + text).slice(-maxKeptOutput)
  }
}

const decode = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()

const current = new AsyncLocalStorage<Output>()
const outputs = new WeakMap<Exchange, Output>()
let listening = false

/** The handler, with everything recorded that it writes to stdout, stderr or the console. */
export function recordOutput(handler: Handler): Handler {
  // A set: under CGI both names refer to stderr.
  if (!listening) for (const stream of new Set([process.stdout, process.stderr])) listen(stream)
  listening = true
  return (exchange) => {
    const output = new Output()
    outputs.set(exchange, output)
    const stderr = exchange.stderr.bind(exchange)
    exchange.stderr = (text) => {
      output.add(text)
      output.quiet = true
      stderr(text)
      output.quiet = false
    }
    return current.run(output, handler, exchange)
  }
}

/** What a request has printed so far; empty for handlers that are not recorded. */
export function outputOf(exchange: Exchange): string {
  return outputs.get(exchange)?.text ?? ''
}

function listen(stream: NodeJS.WriteStream): void {
  const write = stream.write
  stream.write = function (this: NodeJS.WriteStream, ...args: Parameters<typeof write>) {
    current.getStore()?.add(args[0])
    return write.apply(this, args)
  } as typeof write
}
