/** Time limits of a connection and its requests: checked about twice a second. */
import { RequestError } from '../../core/errors.js'
import { bodyTimeout } from '../../serve/limits.js'
import type { Progress } from '../../socket/progress.js'
import type { Wire } from '../../socket/wire.js'
import { answerFastcgiError } from './answer.js'
import type { FastcgiExchange } from './exchange.js'
import type { FastcgiLine } from './line.js'

/** How long data may follow an empty STDIN record that came too early, in milliseconds. */
const emptyStdinMs = 1000

/** What the time limits need from the connection. */
interface Timed extends FastcgiLine {
  readonly lastActive: number
  stdinEnded(exchange: FastcgiExchange): void
  /** @param why what the peer did, for the log */
  breakOff(why: string): void
}

export function checkTimes(connection: Timed, exchange: FastcgiExchange, now: number): void {
  const { requestTimeoutMs, discardTimeoutMs, bodyTimeoutMs } = connection.service.limits
  if (exchange.emptyStdinAt > 0 && now - exchange.emptyStdinAt >= emptyStdinMs) {
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
    answerFastcgiError(connection, exchange, error)
  } else if (now - exchange.began > bodyTimeoutMs) {
    const { stdin, data, request } = exchange
    if (!request.stdinEnded) stdin.fail(bodyTimeout(stdin.received, bodyTimeoutMs))
    if (!request.dataEnded) data?.fail(bodyTimeout(data.received, bodyTimeoutMs))
  }
}

/**
 * Closes the connection when the peer has read none of its replies for too long.
 *
 * @param readsLate whether the peer may be one that reads a reply only when it has sent all of the body
 */
export function takesNothing(
  connection: Timed,
  wire: Wire,
  progress: Progress,
  readsLate: () => boolean,
  now: number,
): boolean {
  const { sendTimeoutMs } = connection.service.limits
  const { queued, taken, fd, destroyed } = wire
  // A peer that reads its replies late is still active as long as the bodies arrive.
  const mark = readsLate() ? taken + connection.lastActive : taken
  if (!progress.overdue(queued > 0 && !destroyed, mark, now, sendTimeoutMs, fd)) return false
  connection.breakOff(`the peer read none of its replies for ${sendTimeoutMs} ms (sendTimeoutMs)`)
  return true
}
