#!/usr/bin/env node
// Server-sent events: a reply that is written bit by bit.
import { setTimeout } from 'node:timers/promises'
import { run } from 'cgiup'

const page = `<!doctype html>
<meta charset="utf-8">
<title>Events</title>
<h1>The time on the server</h1>
<p><output>…</output>
<script>
const events = new EventSource(location.pathname + '?events=10')
events.onmessage = (event) => { document.querySelector('output').textContent = event.data }
events.addEventListener('end', () => events.close())
</script>`

run({
  fetch(request) {
    const count = Number(new URL(request.url).searchParams.get('events'))
    if (!count) return new Response(page, { headers: { 'content-type': 'text/html; charset=utf-8' } })
    return new Response(ReadableStream.from(ticks(count, request.signal)), {
      // X-Accel-Buffering asks nginx not to wait for the end of the reply.
      headers: {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      },
    })
  },
})

async function* ticks(count, signal) {
  const encoder = new TextEncoder()
  for (let tick = 0; tick < count && !signal.aborted; tick++) {
    if (tick > 0) await setTimeout(1000)
    yield encoder.encode(`data: ${new Date().toISOString()}\n\n`)
  }
  yield encoder.encode('event: end\ndata:\n\n')
}
