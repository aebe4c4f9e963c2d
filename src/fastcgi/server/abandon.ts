/** Requests whose process ends before their replies are complete. */
import { serverOf } from '../../env/server.js'
import { abandonedText } from '../../serve/answer.js'
import { lastReply, type ProcessEnd } from '../../serve/process-end.js'
import type { Wire } from '../../socket/wire.js'
import { RecordType } from '../codec/record.js'
import { abortText, streamText } from '../codec/stdout.js'
import { answerFastcgi } from './answer.js'
import type { FastcgiExchange } from './exchange.js'
import type { FastcgiLine } from './line.js'

/** Adds the app's reply, an error reply, or the marker of a broken reply to the output of the connection. */
function abandonExchange(line: FastcgiLine, exchange: FastcgiExchange, end: ProcessEnd): void {
  const { env, request } = exchange
  const reply = lastReply(exchange, end)
  line.service.report(exchange, exchange.headSent ? `the reply was cut off: ${end.why}` : end.why)
  if (reply !== null && !exchange.headSent) answerFastcgi(line, exchange, reply)
  if (exchange.finished) return
  if (exchange.headSent) {
    exchange.step('cut')
    line.output.send(abortText(request.id, serverOf(env)))
    return
  }
  exchange.step('head')
  line.output.send(streamText(RecordType.STDOUT, request.id, abandonedText(end, env.get('REQUEST_METHOD'))))
  line.finish(exchange, 0)
}

/** Ends all requests of a connection; returns what resets it, if its peer cannot be notified in another way. */
export function abandonAll(
  line: FastcgiLine,
  exchanges: readonly FastcgiExchange[],
  wire: Wire,
  end: ProcessEnd,
): (() => void) | null {
  for (const exchange of exchanges) if (!exchange.replyEnded) abandonExchange(line, exchange, end)
  // A Unix socket cannot be reset.
  return line.output.last(end.deadline) || wire.remoteAddress === undefined ? null : () => wire.reset()
}
