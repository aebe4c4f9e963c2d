/** One FastCGI request as an {@link Exchange}. */
import type { Gateway } from '../exchange.js'
import { PushedBody } from '../server/body.js'
import { SocketExchange } from '../server/exchange.js'
import type { Connection } from './connection.js'
import { type ResponderRequest, Role } from './responder.js'

const gateways: Record<number, Gateway> = {
  [Role.RESPONDER]: { protocol: 'fastcgi', role: 'responder', runOnce: false, multiprocess: false },
  [Role.AUTHORIZER]: { protocol: 'fastcgi', role: 'authorizer', runOnce: false, multiprocess: false },
  [Role.FILTER]: { protocol: 'fastcgi', role: 'filter', runOnce: false, multiprocess: false },
}

export class FastcgiExchange extends SocketExchange {
  readonly request: ResponderRequest
  readonly stdin: PushedBody
  /** Bytes of STDIN that had come when the reply was finished. */
  readBeforeFinish = 0
  /** Clock of an empty STDIN record after which CONTENT_LENGTH promises more data; 0 when none is open. */
  emptyStdinAt = 0
  /** FCGI_STDERR was used and wants its own end. */
  stderrUsed = false
  readonly #connection: Connection

  constructor(connection: Connection, request: ResponderRequest) {
    super(connection.service, gateways[request.role] as Gateway, request.params, request.isAscii)
    this.#connection = connection
    this.request = request
    const announced = request.contentLength
    this.stdin = new PushedBody(announced === 0 ? null : announced, connection, true)
  }

  stderr(text: string): void {
    this.#connection.stderr(this, text)
  }
}
