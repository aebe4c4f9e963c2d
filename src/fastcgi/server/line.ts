/** The connection, as seen by the reply to a request. */
import type { AnswerLine } from '../../serve/answer.js'
import type { FastcgiExchange } from './exchange.js'
import type { Output } from './output.js'

/** What a reply needs from its connection. */
export interface FastcgiLine extends AnswerLine<FastcgiExchange> {
  readonly output: Output
  /** END_REQUEST. */
  finish(exchange: FastcgiExchange, appStatus: number): void
  /** Ends a reply that broke partway so that it cannot look complete. */
  cut(exchange: FastcgiExchange): void
}
