import type { FetchApp } from '../../src/app/types.js'
import type { Env, Exchange, Handler } from '../../src/core/exchange.js'

export interface AskedRequest {
  method?: string
  headers?: Record<string, string>
  body?: string
  /** Without Content-Length. */
  chunked?: boolean
  env?: Record<string, string>
}

export interface TestedExchange extends Exchange {
  readonly controller: AbortController
  readonly state: { cancelled: boolean; reads: number; work: Promise<unknown>[]; stderr: string }
}

interface EnvironmentApi {
  readonly Environment: { fromObject(record: Record<string, string>): Env }
}

export function exchangeOf(api: EnvironmentApi, target: string, request: AskedRequest): TestedExchange

export interface Seen {
  status: number
  reason: string
  headers: Record<string, string>
  cookies: number
  body: string
  waited: number
}

export function ask(
  api: EnvironmentApi & { fetchHandler(app: FetchApp): Handler },
  app: FetchApp,
  target: string,
  request: AskedRequest,
): Promise<Seen>
