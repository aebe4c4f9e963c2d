/** Local redirects: a script names another path of this host, and that path answers (RFC 3875 6.2.2). */

import { ProgramError } from '../core/errors.js'
import type { HeaderList, Reply } from '../core/exchange.js'
import { Environment } from '../env/environment.js'
import { translate } from '../env/request.js'
import { percentDecode } from '../env/text.js'
import { changeVariables, DerivedExchange, emptyBody, type Route, setRoute } from './derived-exchange.js'

/** How many local redirects one request may take; the next is an error (Go follows them forever). */
const maxLocalRedirects = 10

/**
 * "The server MUST generate the response that it would have produced in response to a request containing the
 * URL" (RFC 3875 6.2.2): the request goes through the whole handler tree again, so that access checks on the
 * path apply here too. The method becomes GET (HEAD stays HEAD), and the body is dropped.
 *
 * @throws ProgramError PROGRAM_REDIRECT_LOOP
 */
export async function redirectLocally(location: string, headers: HeaderList, route: Route): Promise<Reply> {
  const hops = route.hops + 1
  if (hops > maxLocalRedirects) {
    throw new ProgramError(
      'PROGRAM_REDIRECT_LOOP',
      `${hops} local redirects for one request, the last one to ${location}; ${maxLocalRedirects} are allowed.`,
    )
  }
  const first = translate(route.entry.env)
  const target = location.split('#', 1)[0] as string
  const [path, query] = split(target)
  const { mount } = first
  // A handler below a mount point cannot reach the rest of the server, so the client is redirected instead.
  if (mount !== '' && path !== mount && !path.startsWith(`${mount}/`)) {
    return { status: 302, headers: ['Location', location], body: null }
  }
  const env = changeVariables(route.entry.env.list, {
    REQUEST_METHOD: first.method === 'HEAD' ? 'HEAD' : 'GET',
    REQUEST_URI: target,
    PATH_INFO: percentDecode(path.slice(mount.length)),
    QUERY_STRING: query,
    CONTENT_LENGTH: undefined,
    CONTENT_TYPE: undefined,
    HTTP_CONTENT_ENCODING: undefined,
    HTTP_TRANSFER_ENCODING: undefined,
    HTTP_EXPECT: undefined,
  })
  const next = new DerivedExchange(route.entry, new Environment(env), emptyBody)
  setRoute(next, { root: route.root, entry: next, hops })
  const reply = await route.root(next)
  const cookies = cookiesOf(headers)
  return cookies.length > 0 ? { ...reply, headers: [...cookies, ...reply.headers] } : reply
}

function split(target: string): [string, string] {
  const at = target.indexOf('?')
  return at < 0 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)]
}

/** A login script sets its cookie and redirects: the cookie is kept, as under Apache. */
function cookiesOf(headers: HeaderList): string[] {
  const cookies: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if ((headers[i] as string).toLowerCase() === 'set-cookie')
      cookies.push(headers[i] as string, headers[i + 1] as string)
  }
  return cookies
}
