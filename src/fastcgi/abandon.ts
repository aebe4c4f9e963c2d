/** A request whose process ends before its reply is whole. */
import { abandonedText } from '../server/answer.js'
import type { ProcessEnd } from '../server/process-end.js'
import type { Line } from './answer.js'
import type { FastcgiExchange } from './exchange.js'
import { RecordType } from './record.js'
import { abortText, streamText } from './stdout.js'

/** Puts the reply, or what shows that it is broken, into the output of the connection. */
export const abandonExchange = (line: Line, exchange: FastcgiExchange, end: ProcessEnd): void => {
  const { env, headSent, request } = exchange
  line.service.report(exchange, headSent ? `the reply was cut off: ${end.why}` : end.why)
  if (headSent) {
    line.output.send(abortText(request.id, env.get('SERVER_SOFTWARE')))
    return
  }
  exchange.headSent = true
  line.output.send(streamText(RecordType.STDOUT, request.id, abandonedText(end, env.get('REQUEST_METHOD'))))
  line.finish(exchange, 0)
}
