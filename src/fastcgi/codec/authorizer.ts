/** Replies of an Authorizer (FastCGI 1.0 section 6.3). */
import type { HeaderList, Reply } from '../../core/exchange.js'

const prefix = 'variable-'

/**
 * FastCGI 1.0 section 6.3: "Variable-" fields of a reply with status 200 become variables of the request.
 * Variable names are case-sensitive, but the Headers class lower-cases names: a name without capitals is
 * converted to capitals.
 */
export function withCapitalNames(reply: Reply): Reply {
  const headers = capitalized(reply.headers)
  return headers === reply.headers ? reply : { ...reply, headers }
}

function capitalized(headers: HeaderList): HeaderList {
  let list: string[] | null = null
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string
    if (name.slice(0, prefix.length).toLowerCase() !== prefix) continue
    const variable = name.slice(prefix.length)
    if (variable !== variable.toLowerCase()) continue
    list ??= [...headers]
    list[i] = `Variable-${variable.toUpperCase()}`
  }
  return list ?? headers
}
