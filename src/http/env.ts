// Stand-in until src/env has both.
import type { Env, HeaderList } from '../exchange.js'

export class Environment implements Env {
  readonly list: readonly string[]
  constructor(list: readonly string[]) {
    this.list = list
  }
  get(name: string): string | undefined {
    const at = this.list.findIndex((item, i) => i % 2 === 0 && item === name)
    return at < 0 ? undefined : this.list[at + 1]
  }
  toObject(): Readonly<Record<string, string>> {
    const out: Record<string, string> = {}
    for (let i = 0; i < this.list.length; i += 2) out[this.list[i] as string] = this.list[i + 1] as string
    return out
  }
}

interface HttpFacts {
  method: string
  target: string
  httpVersion: string
  headers: HeaderList
  scheme: string
  remoteAddress: string
  remotePort: number
  serverAddress: string
  serverPort: number
}

export function buildEnv(facts: HttpFacts): string[] {
  const [path = '', ...query] = facts.target.split('?')
  const list = ['GATEWAY_INTERFACE', 'CGI/1.1', 'REQUEST_METHOD', facts.method, 'REQUEST_URI', facts.target]
  list.push('SCRIPT_NAME', '', 'PATH_INFO', decodeURIComponent(path), 'QUERY_STRING', query.join('?'))
  list.push('SERVER_PROTOCOL', `HTTP/${facts.httpVersion}`, 'REMOTE_ADDR', facts.remoteAddress)
  list.push('SERVER_PORT', String(facts.serverPort), 'SERVER_NAME', facts.serverAddress)
  for (let i = 0; i < facts.headers.length; i += 2) {
    const name = (facts.headers[i] as string).toUpperCase().replaceAll('-', '_')
    const value = facts.headers[i + 1] as string
    if (name === 'CONTENT_LENGTH' || name === 'CONTENT_TYPE') list.push(name, value)
    else if (name !== 'PROXY') list.push(`HTTP_${name}`, value)
  }
  return list
}
