/** One SCGI request as an {@link Exchange}. */
import type { Gateway } from '../../core/exchange.js'
import { type BodySource, PushedBody } from '../../serve/body.js'
import { SocketExchange } from '../../serve/exchange.js'
import type { Service } from '../../serve/service.js'
import type { ScgiHead } from '../codec/netstring.js'

const alone: Gateway = { protocol: 'scgi', role: 'responder', runOnce: false, multiprocess: false }
const oneOfMany: Gateway = { ...alone, multiprocess: true }

/** Smaller chunks may share memory with others (Body.owned). */
const owned = 4096

export class ScgiExchange extends SocketExchange {
  readonly stdin: PushedBody
  /** Bytes of the body that have not arrived yet. */
  left: number

  constructor(service: Service, head: ScgiHead, source: BodySource) {
    super(service, service.multiprocess ? oneOfMany : alone, head.params, head.isAscii)
    this.refused = head.refused
    this.left = head.contentLength
    this.stdin = new PushedBody(head.contentLength, source, true)
    if (head.contentLength === 0) this.stdin.end()
  }

  /** Copies the part of the chunk that belongs to the body; returns its size. */
  take(chunk: Uint8Array, from: number, own: boolean): number {
    const length = Math.min(this.left, chunk.length - from)
    if (length === 0) return 0
    this.left -= length
    if (own) this.stdin.push(length === chunk.length ? chunk : chunk.subarray(from, from + length))
    else if (!this.stdin.cancelled) {
      const copy = length < owned ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length)
      copy.set(length === chunk.length ? chunk : chunk.subarray(from, from + length))
      this.stdin.push(copy)
    }
    if (this.left === 0) this.stdin.end()
    return length
  }

  /** SCGI offers no way other than the log. */
  stderr(text: string): void {
    if (text !== '') this.service.log(text)
  }
}
