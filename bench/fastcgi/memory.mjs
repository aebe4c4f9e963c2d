// Memory of the responder: what an open request and an idle connection hold, large bodies, many requests.
import { drive, driveAndHold, median, startServer } from './measure.mjs'

const kb = (bytes) => bytes / 1024
const mb = (bytes) => bytes / 1e6
const show = (name, value, unit, goal) =>
  console.log(
    `  ${name.padEnd(52)}${value.toFixed(1).padStart(8)} ${unit}` +
      `${goal === undefined ? '' : `  goal ${goal} ${value <= goal ? 'met' : 'missed'}`}`,
  )

const withServer = async (what, use) => {
  const server = await startServer(what)
  try {
    return await use(server, { path: server.path, protocol: server.protocol })
  } finally {
    await server.stop()
  }
}

/** Heap and buffers per held request or connection. */
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

export const measureMemory = async ({ big }) => {
  console.log('memory')
  const requests = { hold: 'requests', requests: 3200, connections: 32, pipeline: 100 }
  const single = { hold: 'requests', requests: 1000, connections: 1000 }
  const fetchApp = { server: 'cgiup', app: 'never', style: 'fetch' }
  const nodeApp = { server: 'cgiup', app: 'never', style: 'node' }
  show('open request, fetch', kb(await held(fetchApp, requests)), 'KB', 8)
  show('open request, node', kb(await held(nodeApp, requests)), 'KB', 11)
  show('open request and its connection, fetch', kb(await held(fetchApp, single)), 'KB')
  show(
    'open request and its connection, node:http',
    kb(await held({ ...nodeApp, server: 'http' }, single)),
    'KB',
  )
  const idle = { hold: 'connections', requests: 1000, connections: 1000 }
  const hello = { server: 'cgiup', app: 'hello', style: 'fetch' }
  show('idle connection', kb(await held(hello, idle)), 'KB', 5)
  show(
    'idle connection, node:http',
    kb(await held({ server: 'http', app: 'hello', style: 'node' }, idle)),
    'KB',
  )
  for (const style of ['fetch', 'node']) {
    await bodies(style, big ? 1024 : 128)
    await unread(style)
  }
  await many(big ? 1_000_000 : 160_000)
}

/** How often a body is measured: RSS depends on when V8 collects garbage. */
const ROUNDS = 5

/** Growth of RSS with bodies of this many megabytes, compared with bodies of one megabyte. */
export const bodies = async (style, megabytes) => {
  const upload = (count) => ({ body: count << 20 })
  const download = (count) => ({ fields: { HTTP_X_MEGABYTES: `${count}` } })
  for (const [name, app, load] of [
    ['upload', 'upload', upload],
    ['download', 'flood', download],
  ]) {
    const once = () =>
      withServer({ server: 'cgiup', app, style }, async (server, place) => {
        await drive({ ...place, ...load(1), requests: 200, connections: 1 })
        const small = await server.usage(true)
        await drive({ ...place, ...load(megabytes), requests: 1, connections: 1 })
        const after = await server.usage()
        return mb(after.rss - small.rss)
      })
    const grown = []
    for (let i = 0; i < ROUNDS; i++) grown.push(await once())
    show(`${name} of ${megabytes} MB against 1 MB, ${style}, RSS`, median(grown), 'MB', 10)
  }
}

/** The largest growth of RSS in three seconds while 400 MB are sent to an app that does not read. */
export const unread = (style) =>
  withServer({ server: 'cgiup', app: 'unread', style }, async (server, place) => {
    await drive({ ...place, requests: 20_000 })
    const before = await server.usage(true)
    const { release } = await driveAndHold({
      ...place,
      hold: 'requests',
      requests: 1,
      connections: 1,
      body: 400 << 20,
    })
    let most = 0
    for (let i = 0; i < 30; i++) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      most = Math.max(most, (await server.usage()).rss)
    }
    await release()
    show(`400 MB sent to an app that does not read, ${style}, RSS`, mb(most - before.rss), 'MB', 16)
  })

const many = async (requests) => {
  await withServer({ server: 'cgiup', app: 'hello', style: 'fetch' }, async (server, place) => {
    const load = { ...place, pipeline: 16 }
    await drive({ ...load, requests: 100_000 })
    const before = await server.usage(true)
    await drive({ ...load, requests })
    const after = await server.usage(true)
    show(`growth of RSS after ${requests} requests`, mb(after.rss - before.rss), 'MB', 15)
    show(`growth of the heap after ${requests} requests`, mb(after.heap - before.heap), 'MB')
  })
}
