/** The gateways that need no web server. Others (test/servers) implement {@link Gateway} in the same way. */
import type { App } from '../../src/app/types.js'
import { emulate, type MemoryOptions, memory, type TestInit, type TestServer } from '../../src/test.js'
import { request } from '../support/request.js'
import { fetchApp, nodeApp } from './apps.js'
import { type Answer, type Case, type Gateway, headerList } from './case.js'
import { scripts, startProgram } from './program.js'
import { fastcgi, fastcgiMultiplexed, scgi } from './sockets.js'

/** One process per request, as a web server starts it. */
const cgi: Gateway = {
  name: 'cgi',
  open: async (style) => ({
    async request(one) {
      const server = emulate(scripts[style], {
        interpreter: [process.execPath],
        development: false,
        ...mountOf(one),
      })
      const answer = await fetched(server, one)
      // Wait for the end of the process: then its last output is there.
      await server.close()
      return answer
    },
    close: async () => {},
  }),
}

type Open = (app: App, options: MemoryOptions) => TestServer

/** An app in this process, with a new server for each case. */
const inProcess = (name: string, open: Open): Gateway => ({
  name,
  open: async (style) => ({
    async request(one) {
      const server = open(style === 'fetch' ? fetchApp : nodeApp, { development: false, ...mountOf(one) })
      const answer = await fetched(server, one)
      await server.close()
      return answer
    },
    close: async () => {},
  }),
})

/** The development server, as started by `cgiup APP`. */
const http: Gateway = {
  name: 'http',
  cannot(request) {
    if (request.mount) return 'the path is an option of the whole server'
    if (request.env) return 'no server in front could set variables'
    return request.scheme && 'it has no TLS'
  },
  async open(style) {
    const { log, stop } = await startProgram([scripts[style], '--listen', '127.0.0.1:0'])
    const port = Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(log())?.[1])
    return {
      async request(one) {
        const start = log().length
        const { target, method, headers = [], body, pieces } = one.request ?? {}
        const reply = await request(
          { port },
          {
            headers: [`X-Case: ${one.app}`, ...headers],
            ...(target !== undefined && { target }),
            ...(method !== undefined && { method }),
            ...(body !== undefined && { body }),
            ...(pieces && { pieces }),
          },
        )
        const { status, reason, headerAll, complete } = reply
        return {
          status,
          reason,
          body: reply.body,
          complete,
          values: headerAll,
          stderr: () => log().slice(start),
        }
      },
      close: stop,
    }
  },
}

/** Without processes and sockets: the reply itself, and the reply written and parsed as CGI output. */
const inMemory = inProcess('memory', memory)
const asOutput = inProcess('cgi output in memory', emulate)

export const gateways: readonly Gateway[] = [cgi, fastcgi, fastcgiMultiplexed, scgi, http, inMemory, asOutput]

const mountOf = (one: Case) => (one.request?.mount === undefined ? {} : { mount: one.request.mount })

async function fetched(server: TestServer, one: Case): Promise<Answer> {
  const { target = '/', method, body, pieces, env, scheme } = one.request ?? {}
  const init: TestInit = {
    method: method ?? 'GET',
    headers: headerList(one),
    ...(body !== undefined && { body: Buffer.from(body as string) }),
    ...(pieces && {
      body: (async function* () {
        yield* pieces
      })(),
    }),
    ...(env && { env }),
  }
  const path = scheme && target.startsWith('/') ? `${scheme}://localhost${target}` : target
  const response = await server.fetch(path, init)
  const received: Uint8Array[] = []
  let complete = true
  try {
    for await (const piece of response.body ?? []) received.push(piece)
  } catch {
    complete = false
  }
  const values = (name: string) => {
    if (name.toLowerCase() === 'set-cookie') return response.headers.getSetCookie()
    const value = response.headers.get(name)
    return value === null ? [] : [value]
  }
  const { status, statusText: reason } = response
  return { status, reason, values, body: Buffer.concat(received), complete, stderr: () => server.stderr() }
}
