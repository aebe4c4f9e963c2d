/** A case of the shared behaviour suite: data only, so that every gateway can run it. */

export type Style = 'fetch' | 'node'

interface CaseRequest {
  /** Default GET. */
  readonly method?: string
  /** Request target, raw. Default `/`. */
  readonly target?: string
  /** `Name: value` lines, Latin-1. X-Case is added. */
  readonly headers?: readonly string[]
  /** Sent with Content-Length. */
  readonly body?: string | Uint8Array
  /** Sent without a length, as a chunked upload. */
  readonly pieces?: readonly (string | Uint8Array)[]
  /** Where the server mounts the app; gateways that cannot choose skip the case. Default `''`. */
  readonly mount?: string
  /** Variables that the web server adds (REMOTE_USER); gateways that cannot skip the case. */
  readonly env?: Readonly<Record<string, string>>
  /** Default http; gateways without TLS skip the others. */
  readonly scheme?: 'https'
}

export interface Expectation {
  /** Default 200. */
  readonly status?: number
  readonly reason?: string
  /** By name: the value, a pattern, several values in order, or null for absent. */
  readonly headers?: Readonly<Record<string, string | RegExp | readonly string[] | null>>
  /** Text as UTF-8, bytes, or a pattern over the text. */
  readonly body?: string | Uint8Array | RegExp
  /** Members of the JSON body. */
  readonly json?: unknown
  /** Must be found on stderr in the end. */
  readonly stderr?: RegExp
  /** A file that the app writes, perhaps after its reply. */
  readonly note?: { readonly file: string; readonly text: string }
  /** The reply is cut off: the client can see that it is incomplete. */
  readonly cut?: true
}

export interface Case {
  readonly name: string
  /** The rule that the case tests: a section of a specification, or a quirk of real servers. */
  readonly clause: string
  /** Name in apps.js. */
  readonly app: string
  readonly request?: CaseRequest
  readonly expect: Expectation | ((style: Style) => Expectation)
  /** Gateways, by name, that behave differently, with the reason. */
  readonly not?: Readonly<Record<string, string>>
}

/** The reply. */
export interface Answer {
  readonly status: number
  readonly reason: string
  /** All values of a header, in order; values that a gateway joined are one. */
  values(name: string): readonly string[]
  readonly body: Uint8Array
  /** The complete reply has arrived. */
  readonly complete: boolean
  /** Stderr output for this request so far. */
  stderr(): string
}

/** An app under a gateway. */
export interface Site {
  request(one: Case): Promise<Answer>
  close(): Promise<void>
}

/** A way from a request to an app and back. */
export interface Gateway {
  readonly name: string
  /** Why the request cannot be sent through this gateway; undefined if it can. */
  cannot?(request: CaseRequest): string | undefined
  /** Names of cases with another result here, with the reason in the gateway. */
  readonly not?: Readonly<Record<string, string>>
  open(style: Style): Promise<Site>
}

/** The header lines of a case as `name, value, …`, X-Case included. */
export function headerList(one: Case): string[] {
  const lines = [`X-Case: ${one.app}`, ...(one.request?.headers ?? [])]
  return lines.flatMap((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
}
