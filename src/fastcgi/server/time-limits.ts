/** The times of one request: looked at about twice a second. */
import { RequestError } from '../../core/errors.js'
import { bodyTimeout } from '../../serve/limits.js'
import { answerError } from './answer.js'
import type { FastcgiExchange } from './exchange.js'
import type { Line } from './line.js'

/** How long data may follow an empty STDIN record that came too early, in milliseconds. */
const EMPTY_STDIN_MS = 1000

/** What it does to the connection. */
interface Timed extends Line {
  stdinEnded(exchange: FastcgiExchange): void
  /** @param why what the peer did, for the log */
  breakOff(why: string): void
}

export const checkTimes = (connection: Timed, exchange: FastcgiExchange, now: number): void => {
  const { requestTimeoutMs, discardTimeoutMs, bodyTimeoutMs } = connection.service.limits
  if (exchange.emptyStdinAt > 0 && now - exchange.emptyStdinAt >= EMPTY_STDIN_MS) {
    exchange.emptyStdinAt = 0
    connection.stdinEnded(exchange)
  }
  if (exchange.finished) {
    if (now - exchange.finishedAt > discardTimeoutMs)
      connection.breakOff(`an unwanted body did not end within ${discardTimeoutMs} ms (discardTimeoutMs)`)
  } else if (now - exchange.began > requestTimeoutMs) {
    const error = new RequestError(
      'REQUEST_TIMEOUT',
      `The request took longer than ${requestTimeoutMs} ms (requestTimeoutMs).`,
    )
    exchange.abort(error)
    answerError(connection, exchange, error)
  } else if (now - exchange.began > bodyTimeoutMs) {
    const { stdin, data, request } = exchange
    if (!request.stdinEnded) stdin.fail(bodyTimeout(stdin.received, bodyTimeoutMs))
    if (!request.dataEnded) data?.fail(bodyTimeout(data.received, bodyTimeoutMs))
  }
}
