// Memory of the responder: what an open request and an idle connection hold, large bodies, many requests.
import { drive, driveAndHold, startServer } from './measure.mjs'

const kb = (bytes) => `${(bytes / 1024).toFixed(1)} KB`
const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`
const show = (name, value, goal) =>
  console.log(`  ${name.padEnd(44)}${value.padStart(10)}${goal === undefined ? '' : `  goal ${goal}`}`)

const withServer = async (what, use) => {
  const server = await startServer(what)
  try {
    return await use(server, { path: server.path, protocol: server.protocol })
  } finally {
    await server.stop()
  }
}

/** Heap and buffers that each of `count` held things adds. */
const held = (what, load) =>
  withServer(what, async (server, place) => {
    const answering = load.hold === 'connections'
    if (answering) await drive({ ...place, requests: 2000 })
    const before = await server.usage(true)
    const { release } = await driveAndHold({ ...place, ...load })
    const after = await server.usage(true)
    await release()
    return (after.heap - before.heap) / load.requests
  })

export const measureMemory = async ({ quick }) => {
  console.log('memory')
  const requests = { hold: 'requests', requests: 3200, connections: 32, pipeline: 100 }
  const single = { hold: 'requests', requests: 1000, connections: 1000 }
  const fetchApp = { server: 'cgiup', app: 'never', style: 'fetch' }
  const nodeApp = { server: 'cgiup', app: 'never', style: 'node' }
  show('open request, fetch', kb(await held(fetchApp, requests)), '8 KB')
  show('open request, node', kb(await held(nodeApp, requests)), '11 KB')
  show('open request and its connection, fetch', kb(await held(fetchApp, single)))
  show('open request and its connection, node:http', kb(await held({ ...nodeApp, server: 'http' }, single)))
  const idle = { hold: 'connections', requests: 1000, connections: 1000 }
  const hello = { server: 'cgiup', app: 'hello', style: 'fetch' }
  show('idle connection', kb(await held(hello, idle)), '5 KB')
  show('idle connection, node:http', kb(await held({ server: 'http', app: 'hello', style: 'node' }, idle)))
  await bodies(quick)
  await many(quick)
}

const bodies = async (quick) => {
  const large = quick ? 128 << 20 : 1 << 30
  for (const style of ['fetch', 'node'])
    await withServer({ server: 'cgiup', app: 'upload', style }, async (server, place) => {
      await drive({ ...place, requests: 200, body: 1 << 20, connections: 1 })
      const small = await server.usage(true)
      await drive({ ...place, requests: 1, body: large, connections: 1 })
      const after = await server.usage()
      show(`upload of ${large >> 20} MB after 1 MB, ${style}, RSS`, mb(after.rss - small.rss), '10 MB')
    })
}

const many = async (quick) => {
  const requests = quick ? 160_000 : 1_000_000
  await withServer({ server: 'cgiup', app: 'hello', style: 'fetch' }, async (server, place) => {
    const load = { ...place, pipeline: 16 }
    await drive({ ...load, requests: 100_000 })
    const before = await server.usage(true)
    await drive({ ...load, requests })
    const after = await server.usage(true)
    show(`growth of RSS after ${requests} requests`, mb(after.rss - before.rss), '15 MB')
    show(`growth of the heap after ${requests} requests`, mb(after.heap - before.heap))
  })
}
