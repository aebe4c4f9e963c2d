/** Request headers as http.IncomingMessage shows them. The translator gives each name once. */
import type { HeaderList } from '../../core/exchange.js'

export type HeadersDistinct = Record<string, string[]>

/** `req.headers`: lower-case names; Set-Cookie, which no client should send, as an array. */
export function headersObject(list: HeaderList): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string
    const value = list[i + 1] as string
    headers[name] = name === 'set-cookie' ? [value] : value
  }
  return headers
}

/** `req.headersDistinct`: each value in an array, without a prototype, as Node has it. */
export function headersDistinct(list: HeaderList): HeadersDistinct {
  const headers: HeadersDistinct = Object.create(null)
  for (let i = 0; i < list.length; i += 2) headers[list[i] as string] = [list[i + 1] as string]
  return headers
}
