/**
 * For any sequence of actions by a peer, an app and the process: no state is left in a way that its table
 * forbids.
 */
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { Exchange, Reply } from '../../src/core/exchange.js'
import { Connection } from '../../src/fastcgi/server/connection.js'
import { connectionStates, readingStates } from '../../src/fastcgi/server/states.js'
import { replyStates } from '../../src/serve/reply-states.js'
import { Service } from '../../src/serve/service.js'
import { begin, get, params, post, record, stdin, stdinEnd } from '../fastcgi/peer.js'
import { FakeWire } from './fake-wire.js'
import { forbidden, unused } from './steps.js'

vi.mock('../../src/core/states.js', async (original) => {
  const { recording } = await import('./steps.js')
  return recording(await original<typeof import('../../src/core/states.js')>())
})

const headers = ['Content-Type', 'text/plain']

/** A request whose app waits for the test. */
class Call {
  reply!: (reply: Reply) => void
  fail!: (error: Error) => void
  readonly result = new Promise<Reply>((resolve, reject) => {
    this.reply = resolve
    this.fail = reject
  })
  readonly exchange: Exchange
  #wake: (() => void) | null = null
  #pieces: (Buffer | Error | null)[] = []

  constructor(exchange: Exchange) {
    this.exchange = exchange
  }

  put(piece: Buffer | Error | null): void {
    this.#pieces.push(piece)
    this.#wake?.()
  }

  async *body(): AsyncGenerator<Buffer> {
    for (;;) {
      for (const piece of this.#pieces.splice(0)) {
        if (piece === null) return
        if (piece instanceof Error) throw piece
        yield piece
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

class Scene {
  clock = 1000
  /** Error pages wait for this. */
  pages = Promise.resolve()
  showPages = () => {}
  readonly wire = new FakeWire()
  readonly calls: Call[] = []
  readonly service: Service
  readonly connection: Connection

  constructor() {
    this.service = new Service(
      (exchange) => {
        if (exchange.env.get('REQUEST_URI') === '/now') return { status: 200, headers, body: 'now' }
        const call = new Call(exchange)
        this.calls.push(call)
        return call.result
      },
      {
        stderr: () => {},
        onError: async () => {
          await this.pages
          return { status: 503, headers, body: 'page' }
        },
        maxUnreadBytes: 1000,
        maxBacklogBytes: 2000,
        maxRequestsPerConnection: 2,
        maxDiscardBytes: 30_000,
        maxBodyBytes: 50_000,
        requestTimeoutMs: 5000,
        bodyTimeoutMs: 3000,
        paramsTimeoutMs: 4000,
        discardTimeoutMs: 2000,
        idleTimeoutMs: 20_000,
        sendTimeoutMs: 10_000,
      },
    )
    Object.assign(this.service, { now: () => this.clock })
    this.connection = new Connection(this.wire, this.service)
  }

  bytes(text: string): void {
    if (this.wire.reads) this.connection.data(Buffer.from(text, 'latin1'))
  }

  call(n: number): Call | undefined {
    return this.calls[n % Math.max(1, this.calls.length)]
  }

  async end(): Promise<void> {
    this.wire.drain()
    this.wire.destroy()
    this.showPages()
    for (const call of this.calls) {
      call.fail(new Error('over'))
      call.put(null)
    }
    await settled()
    await this.service.stop(0)
  }
}

async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}

const large = Buffer.alloc(100_000, 'x')
const chunked = ['HTTP_TRANSFER_ENCODING', 'chunked']
const nginx = ['SERVER_SOFTWARE', 'nginx/1.24']

/** Actions of the peer. @param id of the request @param keep FCGI_KEEP_CONN */
const sends = {
  get: (id: number, keep: boolean) => get(id, [], keep),
  now: (id: number, keep: boolean) =>
    begin(id, 1, keep ? 1 : 0) + params(id, ['REQUEST_METHOD', 'GET', 'REQUEST_URI', '/now']) + stdinEnd(id),
  post: (id: number, keep: boolean) => post(id, 'x'.repeat(5000), nginx, keep),
  undecided: (id: number, keep: boolean) =>
    begin(id, 1, keep ? 1 : 0) + params(id, ['REQUEST_METHOD', 'POST']),
  upload: (id: number, keep: boolean) =>
    begin(id, 1, keep ? 1 : 0) + params(id, ['REQUEST_METHOD', 'POST', 'CONTENT_LENGTH', '6000', ...chunked]),
  body: (id: number) => stdin(id, 'x'.repeat(3000)),
  bodyEnd: (id: number) => stdinEnd(id),
  authorizer: (id: number, keep: boolean) =>
    begin(id, 2, keep ? 1 : 0) + params(id, ['REQUEST_METHOD', 'GET']),
  filter: (id: number, keep: boolean) =>
    begin(id, 3, keep ? 1 : 0) +
    params(id, ['REQUEST_METHOD', 'GET']) +
    stdinEnd(id) +
    record(8, id, 'x'.repeat(2000)),
  dataEnd: (id: number) => record(8, id),
  begun: (id: number, keep: boolean) => begin(id, 1, keep ? 1 : 0),
  abort: (id: number) => record(2, id),
  role: (id: number, keep: boolean) => begin(id, 9, keep ? 1 : 0),
  values: () => record(9, 0).repeat(200),
  half: () => '\x01',
} as const

/** Other events. @param n which request of the app */
const happens = {
  drain: ({ wire }: Scene) => wire.drain(),
  holdPages: (scene: Scene) => {
    scene.pages = new Promise((resolve) => {
      scene.showPages = resolve
    })
  },
  showPages: (scene: Scene) => scene.showPages(),
  stall: ({ wire }: Scene) => {
    wire.takes = false
  },
  text: (scene: Scene, n: number) => scene.call(n)?.reply({ status: 200, headers, body: 'text' }),
  large: (scene: Scene, n: number) => scene.call(n)?.reply({ status: 200, headers, body: large }),
  stream: (scene: Scene, n: number) => {
    const call = scene.call(n)
    call?.reply({ status: 200, headers, body: call.body() })
  },
  invalid: (scene: Scene, n: number) =>
    scene.call(n)?.reply({ status: 200, headers: ['a b', ''], body: null }),
  piece: (scene: Scene, n: number) => scene.call(n)?.put(Buffer.from('piece')),
  largePiece: (scene: Scene, n: number) => scene.call(n)?.put(large),
  bodyEnd: (scene: Scene, n: number) => scene.call(n)?.put(null),
  bodyBreaks: (scene: Scene, n: number) => scene.call(n)?.put(new Error('the body broke')),
  fails: (scene: Scene, n: number) => scene.call(n)?.fail(new Error('the app failed')),
  reads: (scene: Scene, n: number) =>
    void scene
      .call(n)
      ?.exchange.stdin.read()
      .catch(() => {}),
  cancels: (scene: Scene, n: number) => scene.call(n)?.exchange.stdin.cancel(),
  stderr: (scene: Scene, n: number) => scene.call(n)?.exchange.stderr('a line\n'),
  later: (scene: Scene) => sweep(scene, 700),
  muchLater: (scene: Scene) => sweep(scene, 6000),
  idle: (scene: Scene) => sweep(scene, 30_000),
  gone: ({ wire, connection }: Scene) => {
    if (!wire.reads) return
    connection.gone()
  },
  stop: ({ connection }: Scene) => connection.stop(),
  stopping: ({ service }: Scene) => service.retire(),
  retire: ({ service }: Scene) => service.retire(() => {}),
  handedOver: ({ wire }: Scene) => wire.given?.(),
  abandon: ({ connection }: Scene) =>
    connection.abandon({ status: 503, why: 'the end', isLast: false, deadline: Date.now() }),
  destroy: ({ connection }: Scene) => connection.destroy(),
  giveWay: ({ connection }: Scene) => connection.giveWay(),
} as const

function sweep(scene: Scene, ms: number): void {
  scene.clock += ms
  scene.connection.sweep(scene.clock)
}

type Step =
  | { readonly sends: readonly (keyof typeof sends)[]; readonly id: number; readonly keep: boolean }
  | { readonly happens: keyof typeof happens; readonly n: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    sends: fc.array(fc.constantFrom(...(Object.keys(sends) as (keyof typeof sends)[])), {
      minLength: 1,
      maxLength: 3,
    }),
    id: fc.integer({ min: 1, max: 3 }),
    keep: fc.boolean(),
  }),
  fc.record({
    happens: fc.constantFrom(...(Object.keys(happens) as (keyof typeof happens)[])),
    n: fc.nat(3),
  }),
)

/** @returns what the peer has received */
async function play(steps: readonly Step[]): Promise<string> {
  const scene = new Scene()
  for (const one of steps) {
    if ('sends' in one) scene.bytes(one.sends.map((what) => sends[what](one.id, one.keep)).join(''))
    else happens[one.happens](scene, one.n)
    await settled()
  }
  const { sent } = scene.wire
  await scene.end()
  expect(forbidden.splice(0)).toEqual([])
  return sent
}

const peer = (what: keyof typeof sends, id = 1, keep = true): Step => ({ sends: [what], id, keep })
const then = (what: keyof typeof happens, n = 0): Step => ({ happens: what, n })

/** Every row of the tables, deterministically. */
const scenes: Readonly<Record<string, readonly Step[]>> = {
  'silent, ended by us': [then('stop')],
  'silent, handed over': [then('retire'), then('handedOver')],
  'silent, closed': [then('destroy')],
  'handed over between two requests': [peer('now'), then('retire'), then('handedOver')],
  'a reply before the end of the body, in a process that ends': [
    ...[then('stopping'), peer('upload'), then('text')],
    ...[peer('upload', 2, false), then('text', 1), peer('get', 3, false), then('text', 2)],
    ...[peer('bodyEnd', 2), then('stop')],
  ],
  'the same, closed by us': [then('stopping'), peer('upload'), then('text'), then('stop')],
  'the same, closed by the peer': [then('stopping'), peer('upload'), then('text'), then('destroy')],
  'two requests without FCGI_KEEP_CONN': [
    ...[peer('get', 1, false), peer('get', 2, false), then('text')],
    ...[peer('bodyEnd', 2), then('text', 1)],
  ],
  'the first of two, and the connection breaks': [
    ...[peer('get', 1, false), peer('get', 2, false), then('text'), then('destroy')],
  ],
  'the last one before the end of its body': [
    ...[peer('get', 1, false), peer('upload', 2), then('text'), then('text', 1)],
  ],
  'a reply that the peer does not take, and more requests': [
    ...[peer('get', 1, false), then('stall'), then('text', 0)],
    ...[peer('now', 1, false), peer('upload', 2, false), then('text', 1), then('stop')],
  ],
  'a request too late before the app has it': [peer('undecided'), then('muchLater')],
  'an abort before the page of an error': [peer('get'), then('holdPages'), then('fails'), peer('abort')],
  'a connection lost before the page of an error': [
    ...[peer('get'), then('holdPages'), then('fails'), then('destroy')],
  ],
  'a reply that breaks off': [peer('get'), then('stream'), then('piece'), then('bodyBreaks')],
  'the end of the process before the app has a request': [peer('undecided'), then('abandon')],
  'an abort before the app has a request': [peer('undecided'), peer('abort')],
  'a connection lost before the app has a request': [peer('undecided'), then('destroy')],
  'an abort before the reply': [peer('get'), peer('abort')],
  'a connection lost before the reply': [peer('get'), then('destroy')],
  'a connection lost in the reply': [peer('get'), then('stream'), then('destroy')],
  'answers that nobody reads': [then('stall'), ...values(), then('drain'), peer('now')],
  'both are behind, the app reads first': [
    ...[then('stall'), ...values('upload', 'body'), then('reads'), then('drain'), peer('body')],
  ],
  'both are behind, the peer reads first': [
    ...[then('stall'), ...values('upload', 'body'), then('drain'), then('reads'), peer('body')],
  ],
}

/** Queries whose replies are not read, and what arrives with the last of them. */
function values(...more: (keyof typeof sends)[]): Step[] {
  return [{ sends: ['values', 'values', ...more], id: 1, keep: true }]
}

describe('a FastCGI connection', () => {
  test.each(Object.entries(scenes))('%s', async (_, steps) => void (await play(steps)))

  test('these use every row of the tables', () => {
    expect([connectionStates, readingStates, replyStates].flatMap(unused)).toEqual([])
  })

  test('random events never lead out of the tables', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => void (await play(steps))),
      { numRuns: 500 },
    )
  })

  test('a reply has one head: the page of an error that comes later is dropped', async () => {
    const steps = [peer('get'), then('holdPages'), then('muchLater'), then('stream'), then('piece')]
    const sent = await play([...steps, then('showPages'), then('piece')])
    expect(sent.match(/Status: \d+/g)).toEqual(['Status: 200'])
    expect(sent).not.toContain('page')
  })
})
