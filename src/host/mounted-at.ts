/** Mounts one handler on its own server, below the root. */
import { textPageFields } from '../cgi/codec/page-fields.js'
import type { Handler } from '../core/exchange.js'
import { mount } from './mount.js'
import { encoded } from './path.js'

/**
 * Serves a handler at a path. `/` redirects to it, and all other paths are 404 with a hint.
 *
 * @param path `/` for the root, or a path without a trailing slash
 * @throws UsageError USAGE when it does not begin with "/"
 */
export function mountedAt(path: string, handler: Handler): Handler {
  if (path === '/') return handler
  const home = `${encoded(path.split('/').slice(1))}/`
  const elsewhere: Handler = ({ env }) => {
    if (env.get('PATH_INFO') === '/') return { status: 302, headers: ['Location', home], body: null }
    return { status: 404, headers: textPageFields, body: `404 Not Found: everything here is below ${home}\n` }
  }
  return mount({ [path]: handler, '/': elsewhere })
}
