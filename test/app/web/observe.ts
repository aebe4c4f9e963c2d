/** Runs one operation on the platform's classes and on the light ones, and describes the result. */
import { Headers as LightHeaders } from '../../../src/app/web/headers.js'
import { Request as LightRequest } from '../../../src/app/web/request.js'
import { Response as LightResponse } from '../../../src/app/web/response.js'

/** The classes, with types loose enough for wrong arguments. */
export interface Web {
  readonly Headers: typeof Headers
  readonly Request: { readonly prototype: Request; new (input: unknown, init?: unknown): Request }
  readonly Response: {
    readonly prototype: Response
    new (body?: unknown, init?: unknown): FullResponse
    error(): Response
    json(data: unknown, init?: unknown): Response
    redirect(url: unknown, status?: unknown): Response
  }
}

export type FullResponse = Response & { bytes(): Promise<Uint8Array>; clone(): FullResponse }

export const platformWeb = { Headers, Request, Response } as unknown as Web
export const lightWeb = {
  Headers: LightHeaders,
  Request: LightRequest,
  Response: LightResponse,
} as unknown as Web

/** A name, and the operation. */
export type Case = readonly [name: string, run: (web: Web) => unknown]

/** The result of an operation, in values that can be compared. */
export async function outcome(run: (web: Web) => unknown, web: Web): Promise<unknown> {
  try {
    return { gives: await describe(await run(web)) }
  } catch (error) {
    if (!(error instanceof Error)) return { throws: error }
    return { throws: error.name, cause: error.cause instanceof Error ? error.cause.name : undefined }
  }
}

const tag = (value: unknown): string => Object.prototype.toString.call(value)

async function describe(value: unknown): Promise<unknown> {
  switch (tag(value)) {
    case '[object Response]':
      return response(value as Response)
    case '[object Request]':
      return request(value as Request)
    case '[object Headers]':
      return headers(value as Headers)
    case '[object FormData]':
      return Promise.all([...(value as FormData)].map(async ([k, v]) => [k, await describe(v)]))
    case '[object Blob]':
    case '[object File]':
      return blob(value as Blob)
    case '[object ReadableStream]':
      return { stream: true, locked: (value as ReadableStream).locked }
    case '[object AbortSignal]':
      return { aborted: (value as AbortSignal).aborted, reason: String((value as AbortSignal).reason) }
    case '[object ArrayBuffer]':
      return { bytes: [...new Uint8Array(value as ArrayBuffer)] }
    case '[object Array]':
      return Promise.all((value as unknown[]).map(describe))
    default:
      return value
  }
}

const headers = (value: Headers) => ({
  list: [...value],
  cookies: value.getSetCookie(),
  tag: tag(value),
  own: Object.keys(value),
})

async function blob(value: Blob) {
  return { type: value.type, size: value.size, text: await value.text(), name: (value as File).name }
}

async function bodyOf(value: Request | Response) {
  const before = { used: value.bodyUsed, none: value.body === null, locked: value.body?.locked ?? null }
  const text = await value.text().then(
    (text) => text,
    (error: Error) => ({ throws: error.name }),
  )
  return { before, text, used: value.bodyUsed, locked: value.body?.locked ?? null }
}

async function response(value: Response) {
  const { status, statusText, ok, type, url, redirected } = value
  const facts = { status, statusText, ok, type, url, redirected, own: Object.keys(value) }
  return { ...facts, headers: headers(value.headers), ...(await bodyOf(value)) }
}

async function request(value: Request) {
  const { method, url, destination, referrer, referrerPolicy, mode, credentials, cache } = value
  const { redirect, integrity, keepalive, duplex } = value
  const facts = { method, url, destination, referrer, referrerPolicy, mode, credentials, cache }
  return {
    ...facts,
    ...{ redirect, integrity, keepalive, duplex },
    signal: await describe(value.signal),
    headers: headers(value.headers),
    ...(await bodyOf(value)),
  }
}

/** A stream of these chunks. */
export function streamOf(...pieces: unknown[]): ReadableStream {
  return new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece)
      controller.close()
    },
  })
}

export const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => new Uint8Array(values)

/** The last of these values, after all were evaluated. */
export const last = (...values: unknown[]): unknown => values.at(-1)

export const streamIn = (value: Request | Response): ReadableStream => value.body as unknown as ReadableStream
