/**
 * Parses the output of a FastCGI responder strictly by FastCGI 1.0, without the product's own code.
 * Everything that could break a web server is an Error.
 */

export interface WireRecord {
  readonly type: number
  readonly id: number
  readonly content: Buffer
  readonly padding: number
}

/** One reply: the records of an id up to END_REQUEST. */
export interface WireReply {
  readonly id: number
  readonly stdout: Buffer
  readonly stderr: Buffer
  readonly appStatus: number
  readonly protocolStatus: number
}

export interface WireAnswers {
  /** In the order of their END_REQUEST. */
  readonly replies: readonly WireReply[]
  /** GET_VALUES_RESULT and UNKNOWN_TYPE. */
  readonly management: readonly WireRecord[]
  /** Ids whose reply has begun but not ended. */
  readonly open: readonly number[]
  /** Bytes of an incomplete record. */
  readonly rest: number
}

const [END_REQUEST, STDOUT, STDERR, GET_VALUES_RESULT, UNKNOWN_TYPE] = [3, 6, 7, 10, 11]

/** Splits bytes into records. */
export function wireRecords(bytes: Buffer): { readonly records: WireRecord[]; readonly rest: number } {
  const records: WireRecord[] = []
  let at = 0
  while (bytes.length - at >= 8) {
    if (bytes[at] !== 1) throw new Error(`version ${bytes[at]} at byte ${at}`)
    if (bytes[at + 7] !== 0) throw new Error(`reserved byte ${bytes[at + 7]} at byte ${at + 7}`)
    const length = bytes.readUInt16BE(at + 4)
    const padding = bytes[at + 6] as number
    const end = at + 8 + length + padding
    if (end > bytes.length) break
    if ((8 + length + padding) % 8 !== 0) throw new Error(`a record of ${length} + ${padding} bytes at ${at}`)
    const content = bytes.subarray(at + 8, at + 8 + length)
    records.push({ type: bytes[at + 1] as number, id: bytes.readUInt16BE(at + 2), content, padding })
    at = end
  }
  return { records, rest: bytes.length - at }
}

interface Open {
  readonly stdout: Buffer[]
  readonly stderr: Buffer[]
  stdoutEnded: boolean
  stderrEnded: boolean
}

/**
 * @param isPhp PHP omits the end of STDOUT
 * @throws Error that describes the protocol violation
 */
export function readAnswers(bytes: Buffer, isPhp = false): WireAnswers {
  const { records, rest } = wireRecords(bytes)
  const replies: WireReply[] = []
  const management: WireRecord[] = []
  const open = new Map<number, Open>()
  for (const record of records) {
    const { type, id, content } = record
    if (type === GET_VALUES_RESULT || type === UNKNOWN_TYPE) {
      if (id !== 0) throw new Error(`a management record of id ${id}`)
      if (type === UNKNOWN_TYPE && content.length !== 8) throw new Error('UNKNOWN_TYPE is not 8 bytes long')
      management.push(record)
      continue
    }
    if (id === 0) throw new Error(`type ${type} with id 0`)
    const reply = open.get(id) ?? { stdout: [], stderr: [], stdoutEnded: false, stderrEnded: false }
    open.set(id, reply)
    if (type === STDOUT) append(reply, 'stdout', content, id)
    else if (type === STDERR) append(reply, 'stderr', content, id)
    else if (type === END_REQUEST) {
      replies.push(ended(reply, record, isPhp))
      open.delete(id)
    } else throw new Error(`type ${type} is not one that a responder sends`)
  }
  return { replies, management, open: [...open.keys()], rest }
}

function append(reply: Open, stream: 'stdout' | 'stderr', content: Buffer, id: number): void {
  const ended = stream === 'stdout' ? 'stdoutEnded' : 'stderrEnded'
  if (reply[ended]) throw new Error(`${stream} of request ${id} after its end`)
  if (content.length === 0) reply[ended] = true
  else reply[stream].push(content)
}

function ended(reply: Open, { id, content }: WireRecord, isPhp: boolean): WireReply {
  if (content.length !== 8) throw new Error(`END_REQUEST of request ${id} is not 8 bytes long`)
  const protocolStatus = content[4] as number
  const stdout = Buffer.concat(reply.stdout)
  const stderr = Buffer.concat(reply.stderr)
  // 5.5: a request that was refused has no streams; every other one has a STDOUT that ends.
  if (protocolStatus === 0 && !reply.stdoutEnded && !isPhp)
    throw new Error(`STDOUT of request ${id} does not end`)
  if (stderr.length > 0 && !reply.stderrEnded) throw new Error(`STDERR of request ${id} does not end`)
  if (protocolStatus !== 0 && stdout.length > 0) throw new Error(`request ${id} was refused and answered`)
  return { id, stdout, stderr, appStatus: content.readUInt32BE(0), protocolStatus }
}
