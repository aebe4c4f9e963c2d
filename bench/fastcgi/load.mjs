// The load generator: a separate process, so that its work is not counted as the responder's.
// argv: { protocol, path | port, connections, requests, keep, pipeline, body, fields, hold }
import { once } from 'node:events'
import { connect } from 'node:net'
import { counter, fastcgiRequest, httpRequest, scgiRequest } from './wire.mjs'

const options = {
  connections: 8,
  keep: true,
  pipeline: 1,
  body: 0,
  fields: {},
  ...JSON.parse(process.argv[2]),
}
const { protocol, path, port, connections, requests, keep, pipeline, body, hold } = options

const messages =
  protocol === 'http'
    ? [httpRequest(options)]
    : protocol === 'scgi'
      ? [scgiRequest(options)]
      : Array.from({ length: pipeline }, (_, i) =>
          fastcgiRequest(i + 1, { ...options, keep: keep || pipeline > 1 }),
        )
const whole = Buffer.concat(
  messages.flatMap(({ head, piece, end }) => [
    head,
    ...(body > 0 && body <= 65536 ? [piece(body)] : []),
    end,
  ]),
)

const send = async (socket) => {
  if (body <= 65536) {
    socket.write(whole)
    return
  }
  const [{ head, piece, size, end }] = messages
  socket.write(head)
  const full = piece(size)
  for (let left = body; left > 0; left -= size) {
    if (!socket.write(left >= size ? full : piece(left)) && !socket.destroyed) await once(socket, 'drain')
  }
  socket.write(end)
}

let sent = 0
let done = 0
let failed = 0
const times = []
const started = performance.now()

const finish = () => {
  times.sort((a, b) => a - b)
  const at = (share) => times[Math.floor(times.length * share)] ?? 0
  const ms = performance.now() - started
  console.log(JSON.stringify({ done, failed, ms, p50: at(0.5), p99: at(0.99) }))
  // The process that measures the memory of open requests and connections ends this one.
  if (!hold) process.exit()
}

const open = () => {
  if (sent >= requests) return
  const socket = connect(path ? { path } : { port, host: '127.0.0.1' })
  socket.setNoDelay(true)
  const count = counter(protocol)
  let waiting = 0
  let at = 0
  const next = () => {
    if (sent >= requests) {
      if (!hold) socket.end()
      return
    }
    sent += pipeline
    waiting = pipeline
    at = performance.now()
    send(socket).catch(() => {})
  }
  const answered = (replies) => {
    done += replies
    waiting -= replies
    if (waiting > 0) return
    times.push(performance.now() - at)
    if (keep) next()
  }
  socket.on('connect', next)
  socket.on('data', (chunk) => {
    const replies = count(chunk)
    if (replies > 0) answered(replies)
    if (hold === 'connections' && done === requests) finish()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    // A response without a length ends here.
    if (waiting === 1 && protocol !== 'fastcgi' && !keep && socket.bytesRead > 0) answered(1)
    failed += waiting
    waiting = 0
    if (done + failed >= requests) finish()
    else open()
  })
}
for (let i = 0; i < connections; i++) open()
if (hold === 'requests') {
  while (sent < requests) await new Promise((resolve) => setTimeout(resolve, 10))
  setTimeout(finish, 300)
}
