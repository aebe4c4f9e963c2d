import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { platformRequest } from '../../../src/app/web/request.js'
import { lightWeb as light, platformWeb as platform } from './observe.js'

const url = 'http://example.com/a?b'

describe('instanceof', () => {
  const pairs = [
    ['Headers', () => new light.Headers(), () => new platform.Headers(), light.Headers, platform.Headers],
    [
      'Request',
      () => new light.Request(url),
      () => new platform.Request(url),
      light.Request,
      platform.Request,
    ],
    [
      'Response',
      () => new light.Response(),
      () => new platform.Response(),
      light.Response,
      platform.Response,
    ],
  ] as const

  it.each(pairs)('of %s is true both ways', (_, one, other, Light, Platform) => {
    expect(one() instanceof (Platform as never)).toBe(true)
    expect(other() instanceof (Light as never)).toBe(true)
    expect({} instanceof (Light as never)).toBe(false)
    expect(Object.assign(() => {}, { [Symbol.toStringTag]: 'Response' }) instanceof (Light as never)).toBe(
      false,
    )
  })

  it('of a subclass is true for its own objects only', () => {
    class Mine extends (light.Response as typeof Response) {}
    expect(new platform.Response() instanceof Mine).toBe(false)
    expect(new light.Response() instanceof Mine).toBe(false)
    expect(new Mine() instanceof platform.Response).toBe(true)
  })

  it('of one class is false for the others', () => {
    expect(new light.Response() instanceof platform.Request).toBe(false)
    expect(new platform.Response() instanceof light.Request).toBe(false)
    expect(new light.Response() instanceof Promise).toBe(false)
  })
})

describe('light objects given to the platform', () => {
  it('Headers', () => {
    const headers = new light.Headers({ a: '1', 'set-cookie': 'x' })
    headers.append('set-cookie', 'y')
    expect([...new platform.Headers(headers)]).toEqual([...headers])
    expect(new platform.Response('', { headers }).headers.getSetCookie()).toEqual(['x', 'y'])
  })

  it('Response as body and init', async () => {
    const from = new light.Response('text', { status: 201, statusText: 'S', headers: { a: '1' } })
    const made = new platform.Response(from.body, from)
    expect([made.status, made.statusText, made.headers.get('a'), await made.text()]).toEqual([
      201,
      'S',
      '1',
      'text',
    ])
    expect(from.bodyUsed).toBe(true)
  })

  it('Request as init', async () => {
    const made = new platform.Request(
      url,
      new light.Request(url, { method: 'PUT', body: 'x', headers: { a: '1' } }),
    )
    expect([made.method, made.headers.get('a'), await made.text()]).toEqual(['PUT', '1', 'x'])
  })

  it('Request to be sent', async () => {
    const controller = new AbortController()
    const request = new light.Request(`${url}#f`, {
      method: 'POST',
      body: 'text',
      headers: [['a', '1']],
      mode: 'same-origin',
      redirect: 'manual',
      referrer: 'http://r.example/',
      signal: controller.signal,
    })
    const made = platformRequest(request) as Request
    expect(Object.getPrototypeOf(made)).toBe(platform.Request.prototype)
    expect(made).toMatchObject({ method: 'POST', url: `${url}#f`, mode: 'same-origin', redirect: 'manual' })
    expect(made.referrer).toBe('http://r.example/')
    expect(made.headers.get('a')).toBe('1')
    controller.abort()
    expect(made.signal.aborted).toBe(true)
    expect(await made.text()).toBe('text')
    expect(request.bodyUsed).toBe(true)
    expect(platformRequest('http://x')).toBe('http://x')
  })
})

describe("the platform's objects given to light classes", () => {
  it('Headers', () => {
    const headers = new platform.Headers([
      ['a', '1'],
      ['set-cookie', 'x'],
      ['set-cookie', 'y'],
    ])
    expect([...new light.Headers(headers)]).toEqual([...headers])
  })

  it('Response as body and init', async () => {
    const from = new platform.Response('text', { status: 201, headers: { a: '1' } })
    const made = new light.Response(from.body, from)
    expect([made.status, made.headers.get('a'), await made.text(), from.bodyUsed]).toEqual([
      201,
      '1',
      'text',
      true,
    ])
  })

  it('Request as input', async () => {
    const from = new platform.Request(url, {
      method: 'POST',
      body: 'text',
      headers: { a: '1' },
      redirect: 'manual',
    })
    const made = new light.Request(from)
    expect(made).toMatchObject({ method: 'POST', url, redirect: 'manual' })
    expect([made.headers.get('a'), await made.text(), from.bodyUsed]).toEqual(['1', 'text', true])
  })
})

describe('what console.log shows', () => {
  const shown = [
    ['Headers', (web: typeof light) => new web.Headers({ a: '1', 'set-cookie': 'c' })],
    ['no Headers', (web: typeof light) => new web.Headers()],
    ['Response', (web: typeof light) => new web.Response('text', { status: 201, headers: { a: '1' } })],
    ['Response without body', (web: typeof light) => new web.Response(null)],
    [
      'Request',
      (web: typeof light) => new web.Request(url, { method: 'POST', body: 'x', headers: { a: '1' } }),
    ],
  ] as const

  it.each(shown)('%s', (_, make) => {
    expect(inspect(make(light))).toBe(inspect(make(platform)))
  })

  it.each(shown)('%s in an object', (_, make) => {
    expect(inspect({ a: make(light) })).toBe(inspect({ a: make(platform) }))
  })
})

describe('allowed by the light classes only, for incoming requests', () => {
  it('a copy of one with a body', async () => {
    const { Request: Light, receive } = await import('../../../src/app/web/request.js')
    const { createHeaders } = await import('../../../src/app/web/headers.js')
    const { defaultSendOptions } = await import('../../../src/app/web/request-init.js')
    const { extractBody } = await import('../../../src/app/web/body.js')
    const follows = { signal: new AbortController().signal }
    const come = (method: string, body: ReturnType<typeof extractBody>['body'] | null) => {
      const headers = createHeaders([], 'request')
      const state = { method, url, headers, body, follows, same: true, send: defaultSendOptions }
      return new Light(receive, state) as unknown as Request
    }
    const received = () => come('GET', extractBody('body').body)
    expect(await new light.Request(received()).text()).toBe('body')
    expect(await new light.Request('http://other.example/', received()).text()).toBe('body')
    const trace = come('TRACE', null)
    expect(new light.Request('http://other.example/', trace).method).toBe('TRACE')
  })
})
