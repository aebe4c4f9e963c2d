/** The end of a complete reply. */
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

/** An unsolicited management record, which has no effect. */
const unasked = headerText(RecordType.GET_VALUES_RESULT, 0, 0, 0)

/**
 * Sends END_REQUEST. After the last reply on a kept connection, the server may send its next request before
 * it sees the connection closed, and nginx does not repeat a POST. But it does not reuse a connection on
 * which data follows END_REQUEST.
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
