/** A web server's side of a FastCGI connection for tests: sends what the test passes, records what arrives. */
import { connect, type Socket } from 'node:net'
import { encodePairs } from '../../src/fastcgi/codec/params.js'
import { headerText, RecordReader, RecordType } from '../../src/fastcgi/codec/record.js'

export const record = (type: number, id: number, content = '', padding = 0): string =>
  headerText(type, id, content.length, padding) + content + '\0'.repeat(padding)

export const begin = (id: number, role = 1, flags = 0): string =>
  record(RecordType.BEGIN_REQUEST, id, String.fromCharCode(role >> 8, role & 255, flags, 0, 0, 0, 0, 0))

export const params = (id: number, list: readonly string[]): string =>
  (list.length > 0 ? record(RecordType.PARAMS, id, encodePairs(list)) : '') + record(RecordType.PARAMS, id)

export const stdin = (id: number, content: string): string => {
  let text = ''
  for (let at = 0; at < content.length; at += 65535)
    text += record(RecordType.STDIN, id, content.slice(at, at + 65535))
  return text
}

export const stdinEnd = (id: number): string => record(RecordType.STDIN, id)

export const get = (id: number, more: readonly string[] = [], keep = true): string =>
  begin(id, 1, keep ? 1 : 0) +
  params(id, ['REQUEST_METHOD', 'GET', 'REQUEST_URI', '/', ...more]) +
  stdinEnd(id)

export const post = (id: number, body: string, more: readonly string[] = [], keep = true): string =>
  begin(id, 1, keep ? 1 : 0) +
  params(id, ['REQUEST_METHOD', 'POST', 'REQUEST_URI', '/', 'CONTENT_LENGTH', `${body.length}`, ...more]) +
  stdin(id, body) +
  stdinEnd(id)

/** The reply to one request id. */
export class Answer {
  stdout = ''
  stderr = ''
  /** The empty STDOUT record arrived. */
  stdoutEnded = false
  /** Set by END_REQUEST. */
  appStatus: number | undefined
  protocolStatus: number | undefined
  types: number[] = []

  get status(): string | undefined {
    return /^Status: (\d+)/.exec(this.stdout)?.[1]
  }

  get body(): string {
    return this.stdout.slice(this.stdout.indexOf('\r\n\r\n') + 4)
  }
}

export class Peer {
  readonly socket: Socket
  readonly answers = new Map<number, Answer>()
  closed = false
  bytes = 0
  readonly #reader = new RecordReader()
  #content = ''
  #changed: (() => void)[] = []

  /** @param allowHalfOpen the end of the other side does not end this side */
  constructor(path: string | number, allowHalfOpen = false) {
    const place = typeof path === 'number' ? { port: path, host: '127.0.0.1' } : { path }
    this.socket = connect({ ...place, allowHalfOpen })
    this.socket.on('data', (chunk) => {
      this.bytes += chunk.length
      this.#reader.push(chunk, (type, id, bytes, start, end, remaining) => {
        this.#content += Buffer.from(bytes).toString('latin1', start, end)
        if (remaining === 0) this.#record(type, id)
      })
      this.#tell()
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.closed = true
      this.#tell()
    })
  }

  send(text: string): void {
    this.socket.write(text, 'latin1')
  }

  answer(id: number): Answer {
    let answer = this.answers.get(id)
    if (answer === undefined) {
      answer = new Answer()
      this.answers.set(id, answer)
    }
    return answer
  }

  /** Waits until a condition holds, checked whenever data arrives. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.closed) throw new Error('the connection was closed before')
      await new Promise<void>((resolve) => this.#changed.push(resolve))
    }
  }

  /** Waits for END_REQUEST. */
  async ended(id: number): Promise<Answer> {
    const answer = this.answer(id)
    await this.until(() => answer.protocolStatus !== undefined)
    return answer
  }

  async close(): Promise<void> {
    if (this.closed) return
    await new Promise<void>((resolve) => this.#changed.push(resolve))
    return this.close()
  }

  #tell(): void {
    const waiting = this.#changed
    this.#changed = []
    for (const resolve of waiting) resolve()
  }

  #record(type: number, id: number): void {
    const content = this.#content
    this.#content = ''
    const answer = this.answer(id)
    answer.types.push(type)
    if (type === RecordType.STDOUT) {
      answer.stdout += content
      if (content === '') answer.stdoutEnded = true
    } else if (type === RecordType.STDERR) answer.stderr += content
    else if (type === RecordType.END_REQUEST) {
      answer.appStatus = Buffer.from(content, 'latin1').readUInt32BE(0)
      answer.protocolStatus = content.charCodeAt(4)
    } else answer.stdout += content
  }
}
