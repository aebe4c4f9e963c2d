/** The connection, as the reply to a request needs it. */
import type { AnswerLine } from '../../serve/answer.js'
import type { FastcgiExchange } from './exchange.js'
import type { Output } from './output.js'

/** What an answer needs of its connection. */
export interface FastcgiLine extends AnswerLine<FastcgiExchange> {
  readonly output: Output
  /** END_REQUEST. */
  finish(exchange: FastcgiExchange, appStatus: number): void
  /** The end of a reply that broke partway: never one that looks whole. */
  cut(exchange: FastcgiExchange): void
}
