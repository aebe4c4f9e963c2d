/**
 * The application's side of one FastCGI connection (FastCGI 1.0 sections 3 to 6), without IO: bytes in;
 * events and reply bytes out. Requests on one connection are independent of each other (section 3.3).
 */
import { RequestError } from '../../core/errors.js'
import { ById } from './by-id.js'
import { encodePairs, PairReader, type ParamLimits } from './params.js'
import { headerText, paddingFor, RecordReader, RecordType, recordTypeName } from './record.js'

/** Roles (section 6). */
export const Role = { RESPONDER: 1, AUTHORIZER: 2, FILTER: 3 } as const

/** Protocol status of FCGI_END_REQUEST (FastCGI 1.0 section 5.5). */
export const ProtocolStatus = {
  REQUEST_COMPLETE: 0,
  CANT_MPX_CONN: 1,
  OVERLOADED: 2,
  UNKNOWN_ROLE: 3,
} as const

const flagKeepConn = 1

/** From this content size on, a record is worth a separate read. */
const largeRecord = 30_000

export interface ResponderOptions extends ParamLimits {
  /** Several concurrent requests on one connection; if false, further ones get FCGI_CANT_MPX_CONN. */
  readonly multiplex: boolean
  /** Open requests on one connection; twice as many close it. */
  readonly maxRequestsPerConnection: number
  /** How many bytes of parameters over their limits are discarded so that a reply can be sent. */
  readonly maxDiscardBytes: number
  /** For FCGI_GET_VALUES (FastCGI 1.0 section 4.1). */
  readonly maxConnections: number
  readonly maxRequests: number
}

/** A request between BEGIN_REQUEST and END_REQUEST. */
export class ResponderRequest {
  readonly id: number
  readonly role: number
  /** FastCGI 1.0 section 5.1: the connection stays open after END_REQUEST. */
  readonly keepConnection: boolean
  /** PARAMS as a flat list of pairs. Complete from {@link ResponderEvents.onRequest} on. */
  params: string[] = []
  /** The parameters are known to be ASCII. */
  isAscii = false
  /** Bytes of PARAMS received. */
  paramsReceived = 0
  /** Why the request can only be refused (FCGI_PARAMS_LIMIT): `params` are those before the limit. */
  refused: RequestError | null = null
  /** Bytes of STDIN received. */
  received = 0
  /** Bytes of DATA received. */
  dataReceived = 0
  /** STDIN has ended. */
  stdinEnded = false
  /** DATA has ended; true from the start for all roles but Filter. */
  dataEnded: boolean
  /** Set by the adapter: its own object for this request. */
  peer: unknown = undefined
  reader: PairReader | null

  constructor(id: number, role: number, keepConnection: boolean, limits: ParamLimits) {
    this.id = id
    this.role = role
    this.keepConnection = keepConnection
    this.dataEnded = role !== Role.FILTER
    this.reader = new PairReader(limits)
  }
}

export interface ResponderEvents {
  /** PARAMS are complete: the reply may start now, and need not wait for STDIN (FastCGI 1.0 section 6.2). */
  onRequest(request: ResponderRequest): void
  onStdin(request: ResponderRequest, chunk: Uint8Array, start: number, end: number): void
  /** The empty STDIN record arrived. */
  onStdinEnd(request: ResponderRequest): void
  onData(request: ResponderRequest, chunk: Uint8Array, start: number, end: number): void
  onDataEnd(request: ResponderRequest): void
  /** The request must end as soon as possible (FastCGI 1.0 section 5.4). */
  onAbort(request: ResponderRequest): void
  /** A request was rejected (FastCGI 1.0 section 5.5) before the adapter received it. */
  onRefused(keepConnection: boolean): void
  /** Latin-1 text to be written to the connection. */
  send(text: string): void
}

export class Responder {
  readonly requests = new ById<ResponderRequest>()
  /** The peer has sent concurrent requests, or asked whether it may. */
  multiplexed = false
  readonly #events: ResponderEvents
  readonly #options: ResponderOptions
  readonly #records = new RecordReader()
  readonly #begin = new Uint8Array(8)
  #beginHave = 0
  #values: PairReader | null = null

  constructor(events: ResponderEvents, options: ResponderOptions) {
    this.#events = events
    this.#options = options
  }

  /** Nothing is open and nothing is incomplete. */
  get idle(): boolean {
    return this.requests.size === 0 && this.#records.idle
  }

  /** A record or the parameters of a request are incomplete. */
  get pending(): boolean {
    if (!this.#records.idle && this.requests.size === 0) return true
    for (const request of this.requests.all()) if (request.reader !== null) return true
    return false
  }

  /** Bytes to the end of the header that follows a large STDIN record; 0 otherwise. */
  get bodyAhead(): number {
    return this.#records.ahead(RecordType.STDIN, largeRecord)
  }

  /**
   * @throws RequestError if the connection can only be closed; the message says what was wrong at which byte.
   */
  push(chunk: Uint8Array): void {
    this.#records.push(chunk, this.#piece)
  }

  /** The reply is sent: the id may be reused (FastCGI 1.0 section 3.3). */
  finish(request: ResponderRequest): void {
    if (this.requests.get(request.id) === request) this.requests.delete(request.id)
  }

  readonly #piece = (
    type: number,
    id: number,
    chunk: Uint8Array,
    start: number,
    end: number,
    remaining: number,
  ): void => {
    if (id === 0) this.#management(type, chunk, start, end, remaining)
    else if (type === RecordType.BEGIN_REQUEST) this.#beginRequest(id, chunk, start, end, remaining)
    else {
      // FastCGI 1.0 section 3.3: records of inactive request ids are ignored, except FCGI_BEGIN_REQUEST.
      const request = this.requests.get(id)
      if (request === undefined) return
      if (type === RecordType.STDIN) this.#stdin(request, chunk, start, end)
      else if (type === RecordType.PARAMS) this.#params(request, chunk, start, end)
      else if (type === RecordType.DATA) this.#data(request, chunk, start, end)
      else if (type === RecordType.ABORT_REQUEST && remaining === 0) this.#events.onAbort(request)
    }
  }

  #beginRequest(id: number, chunk: Uint8Array, start: number, end: number, remaining: number): void {
    for (let at = start; at < end && this.#beginHave < 8; at++)
      this.#begin[this.#beginHave++] = chunk[at] as number
    if (remaining > 0) return
    const have = this.#beginHave
    this.#beginHave = 0
    if (have < 8) throw this.#broken(`BEGIN_REQUEST of request ${id} has ${have} bytes where 8 are needed`)
    if (this.requests.has(id)) throw this.#broken(`request id ${id} began again before it ended`)
    const role = ((this.#begin[0] as number) << 8) | (this.#begin[1] as number)
    const keep = ((this.#begin[2] as number) & flagKeepConn) !== 0
    if (role < Role.RESPONDER || role > Role.FILTER) {
      this.#refuse(id, keep, ProtocolStatus.UNKNOWN_ROLE)
      return
    }
    if (this.requests.size > 0) {
      this.multiplexed = true
      if (!this.#options.multiplex) {
        this.#refuse(id, keep, ProtocolStatus.CANT_MPX_CONN)
        return
      }
      // Requests over the limit get 503 once their parameters are complete; this only limits memory.
      const most = 2 * this.#options.maxRequestsPerConnection
      if (this.requests.size >= most)
        throw this.#broken(`more than ${most} concurrent requests (twice maxRequestsPerConnection)`)
    }
    this.requests.add(id, new ResponderRequest(id, role, keep, this.#options))
  }

  #refuse(id: number, keep: boolean, status: number): void {
    this.#events.send(endRequestText(id, 0, status))
    this.#events.onRefused(keep)
  }

  #params(request: ResponderRequest, chunk: Uint8Array, start: number, end: number): void {
    const reader = request.reader
    if (reader === null) throw this.#broken(`PARAMS of request ${request.id} after their end`)
    if (start < end) {
      request.paramsReceived += end - start
      request.refused ??= this.#pairs(reader, chunk, start, end)
      // If the connection were closed without a reply, the client would get no explanation: the rest is
      // discarded.
      if (request.refused !== null) this.#throwAway(request, reader)
      return
    }
    if (request.refused === null && !reader.whole)
      throw this.#broken(`PARAMS of request ${request.id} ended inside a name-value pair`)
    request.params = reader.list
    request.isAscii = reader.isAscii
    request.reader = null
    // FastCGI 1.0 section 6.3: "no FCGI_STDIN stream" for an Authorizer.
    if (request.role === Role.AUTHORIZER) request.stdinEnded = true
    this.#events.onRequest(request)
  }

  #throwAway({ refused, paramsReceived }: ResponderRequest, { bytes }: PairReader): void {
    const most = this.#options.maxDiscardBytes
    if (paramsReceived > most || bytes > most) throw refused
  }

  #stdin(request: ResponderRequest, chunk: Uint8Array, start: number, end: number): void {
    if (request.reader !== null) throw this.#early(request, RecordType.STDIN)
    if (request.stdinEnded) return
    request.received += end - start
    if (start < end) this.#events.onStdin(request, chunk, start, end)
    else this.#events.onStdinEnd(request)
  }

  #data(request: ResponderRequest, chunk: Uint8Array, start: number, end: number): void {
    if (request.reader !== null) throw this.#early(request, RecordType.DATA)
    if (request.dataEnded) return
    request.dataReceived += end - start
    if (start < end) this.#events.onData(request, chunk, start, end)
    else {
      request.dataEnded = true
      this.#events.onDataEnd(request)
    }
  }

  #management(type: number, chunk: Uint8Array, start: number, end: number, remaining: number): void {
    if (type !== RecordType.GET_VALUES) {
      // FastCGI 1.0 section 4.2: FCGI_UNKNOWN_TYPE for management types that are not understood.
      if (remaining === 0) this.#events.send(headerText(RecordType.UNKNOWN_TYPE, 0, 8, 0) + bodyOf(type))
      return
    }
    this.#values ??= new PairReader(this.#options)
    const over = this.#pairs(this.#values, chunk, start, end)
    if (over !== null) throw over
    if (remaining > 0) return
    const asked = this.#values
    this.#values = null
    if (!asked.whole) throw this.#broken('GET_VALUES ended inside a name-value pair')
    const { maxConnections, maxRequests, multiplex } = this.#options
    const known: Record<string, string> = {
      FCGI_MAX_CONNS: String(maxConnections),
      FCGI_MAX_REQS: String(maxRequests),
      FCGI_MPXS_CONNS: multiplex ? '1' : '0',
    }
    const answer: string[] = []
    for (let i = 0; i < asked.list.length; i += 2) {
      const name = asked.list[i] as string
      // FastCGI 1.0 section 4.1: only the names that are understood.
      if (Object.hasOwn(known, name) && !answer.includes(name)) answer.push(name, known[name] as string)
      if (name === 'FCGI_MPXS_CONNS') this.multiplexed = true
    }
    const content = encodePairs(answer)
    const padding = paddingFor(content.length)
    this.#events.send(
      headerText(RecordType.GET_VALUES_RESULT, 0, content.length, padding) + content + '\0'.repeat(padding),
    )
  }

  /** @returns the limit that was exceeded; null for none */
  #pairs(reader: PairReader, chunk: Uint8Array, start: number, end: number): RequestError | null {
    try {
      reader.push(chunk, start, end)
      return null
    } catch (error) {
      if (!(error instanceof RequestError)) throw error
      return new RequestError(error.code, this.#located(error.message))
    }
  }

  #located(what: string): string {
    return `${what} (record at byte ${this.#records.recordOffset})`
  }

  #early(request: ResponderRequest, type: number): RequestError {
    return this.#broken(`${recordTypeName(type)} of request ${request.id} before the end of its PARAMS`)
  }

  #broken(what: string): RequestError {
    return new RequestError('FCGI_PROTOCOL', this.#located(what))
  }
}

/** Eight bytes: one value and seven zeros, the body of UNKNOWN_TYPE. */
const bodyOf = (type: number): string => `${String.fromCharCode(type)}\0\0\0\0\0\0\0`

/** An END_REQUEST record (FastCGI 1.0 section 5.5), Latin-1. */
export const endRequestText = (id: number, appStatus: number, protocolStatus: number): string =>
  headerText(RecordType.END_REQUEST, id, 8, 0) +
  String.fromCharCode(
    (appStatus >>> 24) & 255,
    (appStatus >>> 16) & 255,
    (appStatus >>> 8) & 255,
    appStatus & 255,
    protocolStatus,
    0,
    0,
    0,
  )
