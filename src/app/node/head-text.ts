/** Parses the response head that Node's ServerResponse writes to its socket. */

export interface ResponseHead {
  readonly status: number
  readonly reason: string
  /** `name, value, …` without connection fields. */
  readonly headers: string[]
  /** Where the body begins. */
  readonly end: number
}

/**
 * Reads the head at `start` of `text`, one character per byte. Node wrote it, so it is well-formed: `HTTP/1.1
 * 200 OK`, `Name: value` lines, then an empty line.
 */
export function parseHead(text: string, start: number): ResponseHead {
  let eol = text.indexOf('\r\n', start)
  const status = Number(text.slice(start + 9, start + 12))
  const reason = text.slice(start + 13, eol)
  const headers: string[] = []
  for (;;) {
    const line = eol + 2
    eol = text.indexOf('\r\n', line)
    if (eol === line) return { status, reason, headers, end: eol + 2 }
    const colon = text.indexOf(': ', line)
    if (isFraming(text, line, colon - line)) continue
    headers.push(text.slice(line, colon), text.slice(colon + 2, eol))
  }
}

/** Connection, Keep-Alive, Transfer-Encoding: Node's own, for an HTTP connection that does not exist here. */
function isFraming(text: string, at: number, length: number): boolean {
  if (length !== 10 && length !== 17) return false
  const name = text.slice(at, at + length).toLowerCase()
  return name === 'connection' || name === 'keep-alive' || name === 'transfer-encoding'
}

/** True for `HTTP/1.1 100`, `102` and `103`; 101 counts as a final reply (which no gateway can carry). */
export function isInterim(text: string, start: number): boolean {
  return text.charCodeAt(start + 9) === 0x31 && text.slice(start + 9, start + 12) !== '101'
}
