/** One FastCGI request as an {@link Exchange}. */

import { RequestError } from '../../core/errors.js'
import type { Gateway } from '../../core/exchange.js'
import { contentLengthOf } from '../../env/headers.js'
import { type BodySource, PushedBody } from '../../serve/body.js'
import { SocketExchange } from '../../serve/exchange.js'
import type { Service } from '../../serve/service.js'
import { type ResponderRequest, Role } from '../codec/responder.js'

const gatewaysOf = (multiprocess: boolean): Record<number, Gateway> => ({
  [Role.RESPONDER]: { protocol: 'fastcgi', role: 'responder', runOnce: false, multiprocess },
  [Role.AUTHORIZER]: { protocol: 'fastcgi', role: 'authorizer', runOnce: false, multiprocess },
  [Role.FILTER]: { protocol: 'fastcgi', role: 'filter', runOnce: false, multiprocess },
})

const alone = gatewaysOf(false)
const oneOfMany = gatewaysOf(true)

/** The connection, as its requests see it. */
interface RequestConnection extends BodySource {
  readonly service: Service
  /** Clock time of the last bytes received. */
  readonly lastActive: number
  stderr(exchange: FastcgiExchange, text: string): void
}

export class FastcgiExchange extends SocketExchange {
  readonly request: ResponderRequest
  readonly stdin: PushedBody
  /** FCGI_DATA of a Filter. */
  readonly data: PushedBody | null
  /** Bytes of STDIN received when the reply was finished. */
  readBeforeFinish = 0
  /** Clock time of an empty STDIN record although CONTENT_LENGTH announces more data; 0 when there is none. */
  emptyStdinAt = 0
  /** FCGI_STDERR was used and must be ended. */
  stderrUsed = false
  readonly #connection: RequestConnection

  constructor(connection: RequestConnection, request: ResponderRequest) {
    const { service } = connection
    const gateways = service.multiprocess ? oneOfMany : alone
    const { params, isAscii } = request
    super(service, gateways[request.role] as Gateway, params, isAscii, connection.lastActive)
    this.#connection = connection
    this.request = request
    this.refused = request.refused
    const announced = numberOf(this.env.get('CONTENT_LENGTH'))
    // Servers send 0 for bodies of unknown length, and repeat the length when they request an error document
    // without a body: STDIN decides. The translator handles the error document.
    const expected =
      announced !== null &&
      announced > 0 &&
      request.role !== Role.AUTHORIZER &&
      contentLengthOf(this.env) === announced
    this.stdin = new PushedBody(expected ? announced : null, connection, true)
    this.data =
      request.role === Role.FILTER
        ? new PushedBody(numberOf(this.env.get('FCGI_DATA_LENGTH')), connection, true, 'FCGI_DATA_LENGTH')
        : null
    // FastCGI 1.0 section 6.3: "no FCGI_STDIN stream" for an Authorizer, whatever CONTENT_LENGTH says of the
    // client's request.
    if (request.role === Role.AUTHORIZER) this.stdin.end()
  }

  /**
   * No body is announced and none has arrived: the next record decides, because servers always end STDIN.
   * Otherwise, whether such a request has a body would depend on packet boundaries.
   */
  get undecided(): boolean {
    const { request, stdin } = this
    return (
      stdin.length === null &&
      request.received === 0 &&
      !request.stdinEnded &&
      this.env.get('HTTP_TRANSFER_ENCODING') === undefined
    )
  }

  stderr(text: string): void {
    this.#connection.stderr(this, text)
  }

  override abort(reason: Error = new RequestError('REQUEST_ABORTED')): void {
    this.data?.fail(reason)
    super.abort(reason)
  }
}

/** The value of a parameter if it is a number, else null. */
const numberOf = (value: string | undefined): number | null =>
  value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : null
