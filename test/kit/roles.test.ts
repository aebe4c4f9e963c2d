/** The roles of FastCGI in memory (FastCGI 1.0 sections 6.3 and 6.4). */
import { describe, expect, it } from 'vitest'
import { handler } from '../../src/app/handler.js'
import type { App } from '../../src/app/types.js'
import { emulate, memory, type TestServer } from '../../src/test.js'

const servers = [
  ['memory', memory],
  ['emulate of an app object', emulate],
] as [string, (app: App, options?: object) => TestServer][]

/** Authorizes requests that have the ticket. */
const door: App = {
  fetch(request, _env, { gateway }) {
    if (gateway.role !== 'authorizer') return new Response('a page')
    const headers = { 'Variable-VISITOR': 'anna', 'X-Other': 'b' }
    if (request.headers.get('x-ticket') === 'valid') return new Response(null, { headers })
    return new Response('no ticket', { status: 403, headers })
  },
}

describe.each(servers)('%s: Authorizer', (_, open) => {
  it('authorizes with 200, and adds variables to the request', async () => {
    const server = open(door, { role: 'authorizer' })
    const response = await server.fetch('/a', { headers: { 'X-Ticket': 'valid' } })
    expect(response.status).toBe(200)
    expect(response.variables).toEqual({ VISITOR: 'anna' })
  })

  it('answers the client itself with any other status', async () => {
    const response = await open(door, { role: 'authorizer' }).fetch('/a')
    expect([response.status, await response.text()]).toEqual([403, 'no ticket'])
    expect(response.variables).toEqual({})
  })

  it('can be chosen for one request, or for all but one', async () => {
    expect((await open(door).fetch('/', { role: 'authorizer' })).status).toBe(403)
    const other = await open(door, { role: 'authorizer' }).fetch('/', { role: 'responder' })
    expect([await other.text(), other.variables]).toEqual(['a page', {}])
  })

  it('keeps the case of variables that an app writes itself; the last of a name counts', async () => {
    const headers = ['variable-Mixed', 'a', 'Variable-TWICE', '1', 'Variable-TWICE', '2', 'variable-low', 'c']
    const app = handler(() => ({ status: 200, headers, body: null }))
    const { variables } = await open(app).fetch('/', { role: 'authorizer' })
    expect(variables).toEqual({ Mixed: 'a', TWICE: '2', LOW: 'c' })
    expect((await open(app).fetch('/')).variables).toEqual({})
  })

  it('gets no body, and not the variables that 6.3 leaves out', async () => {
    const app: App = {
      async fetch(request, env) {
        const names = ['CONTENT_LENGTH', 'PATH_INFO', 'SCRIPT_NAME'].filter((name) => name in env)
        const { pathname } = new URL(request.url)
        return Response.json([request.method, pathname, request.body, env.REQUEST_URI, names])
      },
    }
    const server = open(app, { role: 'authorizer', mount: '/app' })
    const found = await (await server.fetch('/app/x', { body: 'unseen' })).json()
    expect(found).toEqual(['POST', '/app/x', null, '/app/x', []])
    const own = await server.fetch('/app/x', { env: { SCRIPT_NAME: '/app' } })
    expect(await own.json()).toEqual(['GET', '/app/x', null, '/app/x', ['SCRIPT_NAME']])
  })
})

describe.each(servers)('%s: Filter', (_, open) => {
  const shout: App = {
    async fetch(request, env, { data, gateway }) {
      const file = await new Response(data).text()
      const { FCGI_DATA_LENGTH, FCGI_DATA_LAST_MOD } = env
      const body = await request.text()
      return Response.json([gateway.role, body, file.toUpperCase(), FCGI_DATA_LENGTH, FCGI_DATA_LAST_MOD])
    },
  }
  const ask = async (...request: Parameters<TestServer['fetch']>) =>
    (await open(shout).fetch(...request)).json() as Promise<unknown[]>

  it('gets a file in addition to the body, with its length and modification time', async () => {
    const data = new File(['Größe'], 'a.txt', { lastModified: 946_684_800_999 })
    expect(await ask('/', { data, body: 'asked' })).toEqual(['filter', 'asked', 'GRÖSSE', '7', '946684800'])
  })

  it('accepts a string or bytes, with the current time as modification time', async () => {
    const before = Math.floor(Date.now() / 1000)
    for (const data of ['file', Buffer.from('file'), new Blob(['file'])]) {
      const [role, body, text, length, changed] = await ask('/', { data })
      expect([role, body, text, length]).toEqual(['filter', '', 'FILE', '4'])
      expect(Number(changed)).toBeGreaterThanOrEqual(before)
    }
  })

  it('gets an empty file if there is none, and a Responder gets no data', async () => {
    expect(await ask('/', { role: 'filter' })).toEqual([
      'filter',
      '',
      '',
      '0',
      expect.stringMatching(/^\d+$/),
    ])
    expect(await ask('/')).toEqual(['responder', '', '', null, null])
  })

  it('treats a length other than the announced one as an error', async () => {
    const app = handler(async ({ data }) => {
      let code = 'whole'
      try {
        while ((await data?.read()) !== null);
      } catch (error) {
        code = (error as { code: string }).code
      }
      return { status: 200, headers: [], body: code }
    })
    const code = async (env = {}) => (await open(app).fetch('/', { data: 'four', env })).text()
    expect(await code()).toBe('whole')
    expect(await code({ FCGI_DATA_LENGTH: '5' })).toBe('REQUEST_BODY_SHORT')
    expect(await code({ FCGI_DATA_LENGTH: '3' })).toBe('REQUEST_BODY_LONG')
  })

  it('gives a Node app the file as a Readable', async () => {
    const app: App = async (req, res) => {
      const { data } = req.socket as unknown as { data: AsyncIterable<Buffer> }
      for await (const piece of data) res.write(piece.toString().toUpperCase())
      res.end()
    }
    expect(await (await open(app).fetch('/', { data: 'node' })).text()).toBe('NODE')
  })

  it('is the only role that gets data', async () => {
    const wrong = open(shout).fetch('/', { role: 'authorizer', data: 'x' })
    await expect(wrong).rejects.toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})

it('a script has no role: CGI has no roles', async () => {
  const server = emulate('/bin/true')
  const asked = [
    server.fetch('/', { role: 'authorizer' }),
    server.fetch('/', { data: 'x' }),
    emulate('/bin/true', { role: 'filter' }).fetch('/'),
  ]
  for (const one of asked) await expect(one).rejects.toThrow(/A CGI script has no role/)
})
