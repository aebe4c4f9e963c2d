/** FastCGI roles, as a server uses them (FastCGI 1.0 sections 6.3 and 6.4). */
import { UsageError } from '../core/errors.js'
import type { Env, Gateway, HeaderList } from '../core/exchange.js'
import { PushedBody } from '../serve/body.js'

export type RoleName = Gateway['role']

/** The file that a Filter receives. */
export interface FilterFile {
  readonly bytes: Uint8Array
  /** Seconds since 1970. */
  readonly lastModified: number
}

/** @throws UsageError USAGE for a file that the role does not use */
export function roleOf(asked: RoleName | undefined, usual: RoleName | undefined, hasData: boolean): RoleName {
  const role = asked ?? (hasData ? 'filter' : (usual ?? 'responder'))
  if (hasData && role !== 'filter')
    throw new UsageError('USAGE', `Only a filter gets data; the role is ${role}.`)
  return role
}

export async function readFile(data: string | Uint8Array | Blob = ''): Promise<FilterFile> {
  const time = data instanceof File ? data.lastModified : Date.now()
  const bytes =
    typeof data === 'string'
      ? Buffer.from(data)
      : data instanceof Blob
        ? new Uint8Array(await data.arrayBuffer())
        : data
  return { bytes, lastModified: Math.floor(time / 1000) }
}

/** Changes the meta-variables according to the role. */
export function assume(role: RoleName, variables: Map<string, string>, file: FilterFile | null): void {
  if (role === 'authorizer') {
    // FastCGI 1.0 section 6.3: "The Web server does not send CONTENT_LENGTH, PATH_INFO, PATH_TRANSLATED, and
    // SCRIPT_NAME headers."
    for (const name of ['CONTENT_LENGTH', 'PATH_INFO', 'PATH_TRANSLATED', 'SCRIPT_NAME'])
      variables.delete(name)
  }
  if (file) {
    // FastCGI 1.0 section 6.4: "FCGI_DATA_LAST_MOD and FCGI_DATA_LENGTH"
    variables.set('FCGI_DATA_LAST_MOD', String(file.lastModified))
    variables.set('FCGI_DATA_LENGTH', String(file.bytes.length))
  }
}

/** FastCGI 1.0 section 6.4: FCGI_DATA; a length other than FCGI_DATA_LENGTH is an error, as under FastCGI. */
export function dataOf({ bytes }: FilterFile, env: Env): PushedBody {
  const announced = env.get('FCGI_DATA_LENGTH') ?? ''
  const length = /^\d{1,15}$/.test(announced) ? Number(announced) : null
  const body = new PushedBody(length, { wants() {} }, false, 'FCGI_DATA_LENGTH')
  if (bytes.length > 0) body.push(bytes)
  body.end()
  return body
}

/**
 * FastCGI 1.0 section 6.3: the variables that a reply with status 200 adds to the request; if a name is
 * repeated, the last one wins.
 */
export function variablesOf(role: RoleName, status: number, headers: HeaderList): Record<string, string> {
  const found = new Map<string, string>()
  if (role !== 'authorizer' || status !== 200) return {}
  for (let i = 0; i < headers.length; i += 2) {
    const [, name] = /^Variable-(.+)$/i.exec(headers[i] as string) ?? []
    if (name !== undefined) found.set(name, headers[i + 1] as string)
  }
  return Object.fromEntries(found)
}
