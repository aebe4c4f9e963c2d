/**
 * Reads an HTTP/1 reply as sent on the wire (RFC 9112) and keeps details that clients hide: interim replies,
 * the exact header list, the framing, surplus bytes, and whether the body was complete.
 */

export interface WireHead {
  readonly version: string
  readonly status: number
  readonly reason: string
  /** `name, value, …` as received; values as Latin-1. */
  readonly headers: readonly string[]
}

/** How the body is delimited: RFC 9112 section 6.3. */
export type Framing = 'none' | 'length' | 'chunked' | 'close'

const LF = 10

export class ReplyParser {
  /** 1xx replies before the final one. */
  readonly interim: WireHead[] = []
  head: WireHead | undefined
  framing: Framing | undefined
  /** Body bytes without framing, in the chunks in which they arrived. */
  readonly pieces: Buffer[] = []
  /** Body bytes seen so far. */
  size = 0
  /** Trailer lines of a chunked body. */
  readonly trailers: string[] = []
  /** The body reached its end. With framing 'close' this is known only at the end of the connection. */
  complete = false
  /** Bytes after the end of the reply: must be empty. */
  surplus: Buffer = Buffer.alloc(0)
  /** The error in the framing, if any. */
  error: string | undefined
  #rest: Buffer = Buffer.alloc(0)
  #left = 0
  #state: 'head' | 'body' | 'size' | 'data' | 'crlf' | 'trailer' | 'done' = 'head'
  readonly #method: string
  readonly #keep: boolean

  /** @param keep false counts the body without keeping it. */
  constructor(method = 'GET', keep = true) {
    this.#method = method
    this.#keep = keep
  }

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk
    while (this.#step()) {}
  }

  /** The connection ended. */
  end(): void {
    if (this.framing === 'close') this.complete = true
  }

  #step(): boolean {
    switch (this.#state) {
      case 'head':
        return this.#readHead()
      case 'body':
        return this.#readBody()
      case 'size':
        return this.#readLine((line) => this.#chunkSize(line))
      case 'data':
        return this.#readBody()
      case 'crlf':
        return this.#readLine((line) => {
          if (line !== '') this.error = `chunk data followed by ${JSON.stringify(line)}`
          this.#state = 'size'
        })
      case 'trailer':
        return this.#readLine((line) => {
          if (line === '') this.#done()
          else this.trailers.push(line)
        })
      case 'done':
        if (this.#rest.length) this.surplus = Buffer.concat([this.surplus, this.#rest])
        this.#rest = Buffer.alloc(0)
        return false
    }
  }

  #readLine(use: (line: string) => void): boolean {
    const at = this.#rest.indexOf(LF)
    if (at < 0) return false
    const line = this.#rest.toString('latin1', 0, at).replace(/\r$/, '')
    this.#rest = this.#rest.subarray(at + 1)
    use(line)
    return this.error === undefined
  }

  #readHead(): boolean {
    const match = /\r?\n\r?\n/.exec(this.#rest.toString('latin1'))
    if (!match) return false
    const text = this.#rest.toString('latin1', 0, match.index)
    this.#rest = this.#rest.subarray(match.index + match[0].length)
    const head = parseHead(text)
    if (!head) {
      this.error = `not a reply: ${JSON.stringify(text.slice(0, 100))}`
      return false
    }
    if (head.status < 200 && head.status !== 101) this.interim.push(head)
    else this.#begin(head)
    return true
  }

  #begin(head: WireHead): void {
    this.head = head
    const length = headerOf(head.headers, 'content-length')
    const coding = headerOf(head.headers, 'transfer-encoding')
    if (this.#method === 'HEAD' || head.status === 204 || head.status === 304) this.framing = 'none'
    else if (coding !== undefined) this.framing = /\bchunked$/i.test(coding) ? 'chunked' : 'close'
    else this.framing = length === undefined ? 'close' : 'length'
    this.#left = this.framing === 'length' ? Number(length) : Number.POSITIVE_INFINITY
    this.#state = this.framing === 'chunked' ? 'size' : 'body'
    if (this.framing === 'none' || this.#left === 0) this.#done()
  }

  #readBody(): boolean {
    if (this.#rest.length === 0) return false
    const piece = this.#rest.subarray(0, Math.min(this.#left, this.#rest.length))
    this.#rest = this.#rest.subarray(piece.length)
    this.#left -= piece.length
    this.size += piece.length
    if (this.#keep) this.pieces.push(piece)
    if (this.#left === 0) {
      if (this.#state === 'data') this.#state = 'crlf'
      else this.#done()
    }
    return true
  }

  #chunkSize(line: string): void {
    const size = /^([0-9a-f]+)[ \t]*(;.*)?$/i.exec(line)?.[1]
    if (size === undefined) {
      this.error = `not a chunk size: ${JSON.stringify(line.slice(0, 100))}`
      return
    }
    this.#left = Number.parseInt(size, 16)
    this.#state = this.#left === 0 ? 'trailer' : 'data'
  }

  #done(): void {
    this.complete = true
    this.#state = 'done'
  }
}

function parseHead(text: string): WireHead | undefined {
  const [first = '', ...lines] = text.split(/\r?\n/)
  const match = /^HTTP\/(\d\.\d) (\d{3}) ?(.*)$/.exec(first)
  if (!match) return undefined
  const [, version = '', status, reason = ''] = match
  const headers = lines.flatMap((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  return { version, status: Number(status), reason, headers }
}

/** All values of a header, in order. */
export function headersOf(list: readonly string[], name: string): string[] {
  return list.filter((_, index) => index % 2 === 1 && list[index - 1]?.toLowerCase() === name.toLowerCase())
}

/** The value of a header, repeats joined by ", "; undefined when absent. */
export function headerOf(list: readonly string[], name: string): string | undefined {
  const values = headersOf(list, name)
  return values.length ? values.join(', ') : undefined
}
