/** Third-party clients against our responder: fastcgi-client from npm, cgi-fcgi from libfcgi. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { text as textOf } from 'node:stream/consumers'
import type module from 'fastcgi-client'
import { describe, expect, test } from 'vitest'
import type { Handler } from '../../src/core/exchange.js'
import { needs, which } from '../support/needs.js'
import { gate, readAll, serve, text } from './serving.js'

// Its types promise a default export, but the module is the function.
const connector = createRequire(import.meta.url)('fastcgi-client') as typeof module.default

type Client = ReturnType<typeof connector>

const readyClient = async (sockFile: string): Promise<Client> => {
  const client = connector({ sockFile })
  await once(client, 'ready')
  return client
}

interface Answer {
  readonly stdout: string
  readonly stderr: string
  readonly status: number | Error
}

const ask = (client: Client, params: Record<string, string>, body = ''): Promise<Answer> =>
  new Promise((resolve, reject) => {
    client.request(params, async (error, request) => {
      if (error) return reject(error)
      request.stdin.end(body)
      const [stdout, stderr] = await Promise.all([textOf(request.stdout), textOf(request.stderr)])
      resolve({ stdout, stderr, status: request.getExitStatus() })
    })
  })

const show: Handler = async (exchange) => {
  exchange.stderr(`asked for ${exchange.env.get('REQUEST_URI')}\n`)
  return text(`${exchange.env.get('REQUEST_METHOD')} ${await readAll(exchange)}`)
}

const get = { REQUEST_METHOD: 'GET', REQUEST_URI: '/a' }
const post = (body: string) => ({
  REQUEST_METHOD: 'POST',
  REQUEST_URI: '/b',
  CONTENT_LENGTH: String(body.length),
})

describe('fastcgi-client', () => {
  test('asks for our limits, then GET and POST', async () => {
    const { path, log } = await serve(show, { maxRequests: 7, maxConnections: 5 })
    const client = await readyClient(path)
    expect(client).toMatchObject({ _maxConns: 5, _maxReqs: 7, _mpxsConns: true })
    const answer = await ask(client, get)
    expect(answer.stdout).toMatch(/^Status: 200 OK\r\n[\s\S]*\r\n\r\nGET $/)
    expect(answer).toMatchObject({ stderr: 'asked for /a\n', status: 0 })
    const body = 'b'.repeat(300_000)
    expect((await ask(client, post(body), body)).stdout.endsWith(`POST ${body}`)).toBe(true)
    expect(log).toEqual([])
  })

  test('many requests at a time over one connection', async () => {
    const { path, service } = await serve(show)
    const client = await readyClient(path)
    const bodies = Array.from({ length: 50 }, (_, i) => `${i} `.repeat(i))
    const answers = await Promise.all(bodies.map((body) => ask(client, post(body), body)))
    for (const [i, { stdout, status }] of answers.entries()) {
      expect(stdout.split('\r\n\r\n')[1]).toBe(`POST ${bodies[i]}`)
      expect(status).toBe(0)
    }
    expect(service.running).toBe(0)
  })

  test('its abort() ends the request', async () => {
    const entered = gate()
    let aborted = false
    const { path } = await serve((exchange) => {
      exchange.signal.addEventListener('abort', () => {
        aborted = true
      })
      entered.open()
      return new Promise(() => {})
    })
    const client = await readyClient(path)
    const status = new Promise((resolve) => {
      client.request(get, async (_, request) => {
        request.stdin.end()
        request.stderr.resume()
        await entered.passed
        request.abort()
        await textOf(request.stdout)
        resolve(request.getExitStatus())
      })
    })
    expect(await status).toBe(0)
    expect(aborted).toBe(true)
  })
})

/** Runs `cgi-fcgi -bind`: a CGI script that forwards its input and variables to a FastCGI process. */
const cgiFcgi = async (path: string, env: Record<string, string>, body = '') => {
  const program = which('cgi-fcgi') as string
  const child = spawn(program, ['-bind', '-connect', path], { env, stdio: 'pipe' })
  child.stdin.on('error', () => {})
  child.stdin.end(body)
  const [stdout, stderr, [code]] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, 'close'),
  ])
  return { stdout, stderr, code }
}

describe.skipIf(!needs('cgi-fcgi'))('cgi-fcgi of libfcgi', () => {
  test('GET and POST; stderr; the exit status is ours', async () => {
    const { path, log } = await serve(show)
    const answer = await cgiFcgi(path, get)
    expect(answer.stdout).toMatch(/^Status: 200 OK\r\n[\s\S]*\r\n\r\nGET $/)
    expect(answer).toMatchObject({ stderr: 'asked for /a\n', code: 0 })
    const body = 'b'.repeat(300_000)
    const posted = await cgiFcgi(path, post(body), body)
    expect(posted.stdout.endsWith(`\r\n\r\nPOST ${body}`)).toBe(true)
    expect(log).toEqual([])
  })

  test('an unread body and a large reply', async () => {
    const large = 'r'.repeat(3_000_000)
    const { path } = await serve(() => text(large))
    const body = 'b'.repeat(3_000_000)
    const { stdout, code } = await cgiFcgi(path, post(body), body)
    expect(stdout.endsWith(`\r\n\r\n${large}`)).toBe(true)
    expect(code).toBe(0)
  })
})
