/** Reads CGI output (RFC 3875 section 6) as a web server does, without the product's own code. */

export interface CgiOutput {
  readonly status: number
  readonly reason: string
  /** `name, value, …` except Status; values as Latin-1. */
  readonly headers: readonly string[]
  readonly body: Buffer
}

/** @throws Error that describes the violation */
export function readCgiOutput(bytes: Buffer): CgiOutput {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) throw new Error(`no end of the headers in ${JSON.stringify(bytes.toString('latin1', 0, 200))}`)
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const status = /^Status: ([2-5]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/.exec(first)
  if (status === null) throw new Error(`no status line: ${JSON.stringify(first)}`)
  const headers: string[] = []
  for (const line of lines) {
    const field = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ([\t\x20-\x7e\x80-\xff]*)$/.exec(line)
    if (field === null) throw new Error(`no header field: ${JSON.stringify(line)}`)
    headers.push(field[1] as string, field[2] as string)
  }
  const output = {
    status: Number(status[1]),
    reason: status[2] ?? '',
    headers,
    body: bytes.subarray(end + 4),
  }
  checkLength(output)
  return output
}

function checkLength({ headers, body }: CgiOutput): void {
  const at = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'content-length')
  if (at < 0 || body.length === 0) return
  const announced = Number(headers[at + 1])
  if (announced !== body.length)
    throw new Error(`Content-Length is ${announced}, and the body has ${body.length} bytes`)
}
