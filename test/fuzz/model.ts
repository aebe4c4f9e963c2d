/**
 * The requirements of FastCGI 1.0 for a responder, in the simplest form: complete records in, events and
 * replies out. Slow, and written without code of the product.
 */
import { type Rec, Type } from './records.js'

interface Open {
  readonly role: number
  params: Buffer
  list: readonly string[] | null
  stdin: string
  stdinEnded: boolean
  data: string
  dataEnded: boolean
}

export interface ModelOptions {
  readonly maxParams: number
  readonly maxParamsBytes: number
  readonly multiplex: boolean
  readonly maxConnections: number
  readonly maxRequests: number
  readonly maxRequestsPerConnection: number
  readonly maxDiscardBytes: number
}

export interface ModelResult {
  readonly events: readonly string[]
  /** Replies, Latin-1. */
  readonly sent: string
  /** The record that breaks the connection; null if none does. */
  readonly broken: number | null
}

const record = (type: number, id: number, content: string): string => {
  const padding = (8 - (content.length % 8)) % 8
  const header = [1, type, id >> 8, id & 255, content.length >> 8, content.length & 255, padding, 0]
  return String.fromCharCode(...header) + content + '\0'.repeat(padding)
}

const endRequest = (id: number, protocolStatus: number) =>
  record(Type.END, id, `\0\0\0\0${String.fromCharCode(protocolStatus)}\0\0\0`)

interface Decoded {
  readonly list: readonly string[]
  /** The bytes end between two pairs. */
  readonly whole: boolean
  /**
   * Bytes of names and values at the moment when they, or the number of pairs, exceeded a limit; null if
   * neither did.
   */
  readonly over: number | null
}

/** 3.4 */
const decode = (bytes: Buffer, { maxParams, maxParamsBytes }: ModelOptions): Decoded => {
  const list: string[] = []
  let [at, size] = [0, 0]
  /** The length field at offset `at`; null if it is incomplete. */
  const length = (): number | null => {
    const wide = at < bytes.length && (bytes[at] as number) > 127
    at += wide ? 4 : 1
    if (at > bytes.length) return null
    return wide ? bytes.readUInt32BE(at - 4) - 0x80000000 : (bytes[at - 1] as number)
  }
  while (at < bytes.length) {
    const name = length()
    const value = name === null ? null : length()
    if (name === null || value === null) return { list, whole: false, over: null }
    size += name + value
    if (size > maxParamsBytes || list.length / 2 >= maxParams) return { list, whole: false, over: size }
    if (at + name + value > bytes.length) return { list, whole: false, over: null }
    list.push(bytes.toString('latin1', at, at + name), bytes.toString('latin1', at + name, at + name + value))
    at += name + value
  }
  return { list, whole: true, over: null }
}

/**
 * A request is over, and its id free again, once all its streams have ended or it was aborted.
 */
export const model = (records: readonly Rec[], options: ModelOptions): ModelResult => {
  const events: string[] = []
  const open = new Map<number, Open>()
  let sent = ''
  const close = (id: number, { list, stdinEnded, dataEnded }: Open) => {
    if (list !== null && stdinEnded && dataEnded) open.delete(id)
  }
  /** @returns false if the connection must be closed */
  const take = ({ type, id, content }: Rec): boolean => {
    const text = Buffer.from(content).toString('latin1')
    if (id === 0) {
      const answer = management(type, content, options)
      if (answer === null) return false
      sent += answer
      return true
    }
    const request = open.get(id)
    if (type === Type.BEGIN) {
      if (content.length < 8 || request !== undefined) return false
      const role = ((content[0] as number) << 8) | (content[1] as number)
      const keep = ((content[2] as number) & 1) !== 0
      if (role < 1 || role > 3 || (open.size > 0 && !options.multiplex)) {
        sent += endRequest(id, role < 1 || role > 3 ? 3 : 1)
        events.push(`refused keep ${keep}`)
      } else if (open.size > 0 && open.size >= 2 * options.maxRequestsPerConnection) return false
      else
        open.set(id, {
          role,
          params: Buffer.alloc(0),
          list: null,
          stdin: '',
          stdinEnded: role === 2,
          data: '',
          dataEnded: role !== 3,
        })
      return true
    }
    if (request === undefined) return true
    if (type === Type.ABORT) {
      events.push(`abort ${id} ${JSON.stringify([request.stdin, request.data])}`)
      open.delete(id)
    } else if (type === Type.PARAMS) {
      if (request.list !== null) return false
      request.params = Buffer.concat([request.params, content])
      const { list, whole, over } = decode(request.params, options)
      if (content.length > 0)
        return over === null || Math.max(over, request.params.length) <= options.maxDiscardBytes
      if (!whole && over === null) return false
      request.list = list
      const refused = over === null ? '' : ' refused'
      events.push(`request ${id} role ${request.role} ${JSON.stringify(request.list)}${refused}`)
    } else if (type === Type.STDIN) {
      if (request.list === null) return false
      if (!request.stdinEnded) {
        request.stdin += text
        if (text === '') {
          request.stdinEnded = true
          events.push(`stdin ${id} ${JSON.stringify(request.stdin)}`)
          request.stdin = ''
        }
      }
    } else if (type === Type.DATA) {
      if (request.list === null) return false
      if (!request.dataEnded) {
        request.data += text
        if (text === '') {
          request.dataEnded = true
          events.push(`data ${id} ${JSON.stringify(request.data)}`)
          request.data = ''
        }
      }
    }
    close(id, request)
    return true
  }
  for (const [i, one] of records.entries()) if (!take(one)) return { events, sent, broken: i }
  return { events, sent, broken: null }
}

/** 4.1, 4.2; null if the record breaks the connection. */
const management = (type: number, content: Uint8Array, options: ModelOptions): string | null => {
  if (type !== Type.GET_VALUES) return record(11, 0, `${String.fromCharCode(type)}\0\0\0\0\0\0\0`)
  const asked = decode(Buffer.from(content), options)
  if (!asked.whole) return null
  const known = new Map([
    ['FCGI_MAX_CONNS', options.maxConnections],
    ['FCGI_MAX_REQS', options.maxRequests],
    ['FCGI_MPXS_CONNS', options.multiplex ? 1 : 0],
  ])
  let answer = ''
  for (const name of asked.list.filter((_, i) => i % 2 === 0)) {
    const value = known.get(name)
    if (value === undefined) continue
    known.delete(name)
    answer += String.fromCharCode(name.length, `${value}`.length) + name + value
  }
  return record(10, 0, answer)
}
