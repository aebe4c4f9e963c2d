/** An Exchange in memory. */

import { RequestError, UsageError } from '../core/errors.js'
import { afterwards, type Body, type Env, type Exchange, type Gateway } from '../core/exchange.js'
import { buildEnv } from '../env/build.js'
import { Environment } from '../env/environment.js'
import { percentDecode } from '../env/text.js'
import type { PushedBody } from '../serve/body.js'
import { Lifetime } from '../serve/lifetime.js'
import type { TestRequest } from './request.js'
import { assume, dataOf } from './role.js'

/** Receives what an exchange produces besides its reply. */
export interface MemoryExchangeOwner {
  stderr(text: string): void
  waitUntil(work: Promise<unknown>): void
}

export class MemoryExchange implements Exchange {
  readonly env: Env
  readonly stdin: Body
  readonly data: PushedBody | null
  readonly gateway: Gateway
  readonly lifetime = new Lifetime()
  readonly #abort = new AbortController()
  /** The variables that the test set, by name. */
  readonly extra: Readonly<Record<string, string>>
  readonly #owner: MemoryExchangeOwner

  constructor(
    env: Env,
    request: TestRequest,
    owner: MemoryExchangeOwner,
    extra: Readonly<Record<string, string>> = {},
  ) {
    const { role, body, file } = request
    this.env = env
    this.gateway = { protocol: 'memory', role, runOnce: false, multiprocess: false }
    // FastCGI 1.0 section 6.3: an Authorizer has no STDIN, whatever the client sends.
    this.stdin = new MemoryBody(role === 'authorizer' ? null : body)
    this.data = file && dataOf(file, env)
    this.extra = extra
    this.#owner = owner
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  stderr(text: string): void {
    this.#owner.stderr(text)
  }

  waitUntil(work: Promise<unknown>): void {
    this.#owner.waitUntil(work)
    this.lifetime.hold(Promise.resolve(work))
  }

  [afterwards](task: () => void): void {
    this.lifetime.afterwards(task)
  }

  /** Disconnects the client. */
  abort(): void {
    const reason = new RequestError('REQUEST_ABORTED')
    this.data?.fail(reason)
    this.#abort.abort(reason)
  }

  /** The reply is not read any more. */
  cancel(): void {
    this.stdin.cancel()
    this.data?.cancel()
  }
}

/** How the emulated server is set up. */
export interface ServerFacts {
  /** Path at which the script or app is mounted: SCRIPT_NAME. Default `''`, the root. */
  readonly mount?: string
  /** Meta-variables that override the computed ones; undefined removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** The meta-variables that a web server would send for a request. */
export function environmentOf(request: TestRequest, server: ServerFacts): Environment {
  const { method, target, scheme, headers } = request
  const https = scheme === 'https'
  const port = /:(\d+)$/.exec(headerOf(headers, 'host'))?.[1]
  const list = buildEnv({
    method,
    target,
    headers,
    scheme,
    httpVersion: '1.1',
    remoteAddress: '127.0.0.1',
    remotePort: 49152,
    serverAddress: '127.0.0.1',
    serverPort: port ? Number(port) : https ? 443 : 80,
  })
  const variables = new Map<string, string>()
  for (let i = 0; i < list.length; i += 2) variables.set(list[i] as string, list[i + 1] as string)
  place(variables, target, server.mount ?? '')
  assume(request.role, variables, request.file)
  for (const [name, value] of Object.entries(server.env ?? {})) {
    if (value === undefined) variables.delete(name)
    else variables.set(name, Buffer.from(value).toString('latin1'))
  }
  return new Environment([...variables].flat())
}

function place(variables: Map<string, string>, target: string, mount: string): void {
  if (mount === '') return
  if (!mount.startsWith('/'))
    throw new UsageError('USAGE', `The mount path ${JSON.stringify(mount)} must begin with "/".`)
  const path = target.split('?', 1)[0] as string
  if (path !== mount && !path.startsWith(`${mount}/`)) {
    throw new UsageError('USAGE', `${path} is not below the mount path ${mount}.`)
  }
  variables.set('SCRIPT_NAME', percentDecode(mount))
  variables.set('PATH_INFO', percentDecode(path.slice(mount.length)))
}

function headerOf(headers: readonly string[], name: string): string {
  const at = headers.findIndex((item, i) => i % 2 === 0 && item.toLowerCase() === name)
  return at < 0 ? '' : (headers[at + 1] as string)
}

/** A request body that is complete, or arrives in chunks. */
class MemoryBody implements Body {
  readonly length: number | null
  #pieces: AsyncIterator<Uint8Array | string> | null
  #whole: Uint8Array | null

  constructor(body: TestRequest['body']) {
    this.#whole = body instanceof Uint8Array && body.length > 0 ? body : null
    this.#pieces = body && !(body instanceof Uint8Array) ? body[Symbol.asyncIterator]() : null
    this.length = this.#pieces ? null : (this.#whole?.length ?? 0)
  }

  async read(): Promise<Uint8Array | null> {
    const whole = this.#whole
    this.#whole = null
    if (whole) return whole
    while (this.#pieces) {
      const { done, value } = await this.#pieces.next()
      if (done) break
      if (value.length > 0) return typeof value === 'string' ? Buffer.from(value) : value
    }
    this.#pieces = null
    return null
  }

  cancel(): void {
    void this.#pieces?.return?.()
    this.#pieces = null
    this.#whole = null
  }
}
