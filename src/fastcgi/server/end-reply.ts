/** The end of a reply that was sent whole. */
import { serverOf } from '../../env/server.js'
import type { Service } from '../../serve/service.js'
import { headerText, RecordType } from '../codec/record.js'
import type { FastcgiExchange } from './exchange.js'
import type { Output } from './output.js'

interface Line {
  readonly service: Service
  readonly output: Output
  /** END_REQUEST. */
  finish(exchange: FastcgiExchange, appStatus: number): void
}

/** A management record that nobody has asked for, and that changes nothing. */
const unasked = headerText(RecordType.GET_VALUES_RESULT, 0, 0, 0)

/**
 * END_REQUEST. Where it is the last one of a kept connection the server may have sent the next request before
 * it sees the connection closed, and nginx sends no POST again. It keeps no connection, though, on which
 * something comes after END_REQUEST.
 */
export function endReply(line: Line, exchange: FastcgiExchange): void {
  line.finish(exchange, 0)
  const { stopping, handOver } = line.service
  if (
    stopping &&
    handOver === null &&
    exchange.request.keepConnection &&
    serverOf(exchange.env).reusesClosingConnection
  )
    line.output.send(unasked)
}
