/** Hints for people if the variables are ambiguous (SECURITY.md, "Error pages and subrequests"). */
import type { Env } from '../core/exchange.js'
import { proxyPath } from './mount.js'
import type { CgiRequest } from './request.js'
import { parseTarget } from './target.js'
import { sameEnd, walk } from './walk.js'

/** A hint if a row of the table had to guess; otherwise null. */
export function targetNote(row: string, { env, target }: CgiRequest): string | null {
  const sent = quoted(env.get('REQUEST_URI') ?? '')
  if (row === 'other-path' && env.get('FCGI_ROLE') === undefined) {
    return `the client asked for ${sent}, the web server serves ${quoted(target)}, and the app gets the latter. If the app is a front controller for other paths, set the option target to "request-uri".`
  }
  if (row === 'error-page' && !env.get('PATH_INFO')) {
    return `the app is the error page for ${sent} (REDIRECT_STATUS=${env.get('REDIRECT_STATUS')}) and gets ${quoted(target)}. Behind FallbackResource no variable says which page was configured: use a RewriteRule, or a static page.`
  }
  return null
}

/**
 * Apache's `RewriteRule … fcgi://host/new/$1 [P]`: unlike with ProxyPass, the requested path does not end in
 * the path at the back end, and the end that both paths share is used as the rest of the path. Null for other
 * rules.
 */
export function proxyNote(env: Env): string | null {
  const filename = env.get('SCRIPT_FILENAME') ?? ''
  if (!filename.startsWith('proxy:') || env.get('PATH_INFO')) return null
  const sent = parseTarget(env.get('REQUEST_URI') ?? '', 'GET').path
  const [whole, script, behind] = [
    walk(sent, true),
    walk(env.get('SCRIPT_NAME') ?? '', false),
    walk(proxyPath(filename), true),
  ]
  const same = sameEnd(whole, behind)
  if (same === 0 || same === behind.segments.length || sameEnd(whole, script) < whole.segments.length)
    return null
  return `the client asked for ${quoted(sent)}, the web server serves ${quoted(proxyPath(filename))} (RewriteRule with [P]); the app gets the end that both paths share.`
}

const quoted = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
