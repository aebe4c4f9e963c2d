import type { FetchApp } from '../../src/app/types.js'
import type { AskedRequest } from './fetch-exchange.mjs'

export type FetchCase = [app: FetchApp, target: string, request: AskedRequest, wanted: unknown]
export const cases: FetchCase[]
export function nameOf(row: FetchCase): string
