/**
 * Which request an app receives: the first matching row decides. REQUEST_URI is what the client sent; the
 * server's own variables show what it decided to serve, and its access rules were applied to that.
 * docs/environment.md lists this data, the lint names the row, a test checks it against recorded
 * environments.
 */
import type { Facts } from './facts.js'

export interface Row {
  readonly name: string
  /** When the row matches, for the docs. */
  readonly when: string
  /** Path and query that the app gets, for the docs. */
  readonly gets: string
  readonly fits: (facts: Facts) => boolean
  /**
   * `sent`: REQUEST_URI. `served`: SCRIPT_NAME + PATH_INFO with QUERY_STRING. `redirected`: REDIRECT_URL with
   * QUERY_STRING. `refused`: the app is not called.
   */
  readonly takes: 'sent' | 'served' | 'redirected' | 'refused'
  /** A reply status of 200 is replaced by the status of the error document. */
  readonly keepsStatus?: true
}

export const rows: readonly Row[] = [
  {
    name: 'rebuilt',
    when: 'no REQUEST_URI',
    gets: 'SCRIPT_NAME + PATH_INFO, QUERY_STRING',
    fits: (facts) => facts.sent === '',
    takes: 'served',
  },
  {
    name: 'no-path',
    when: 'the target has no path: an asterisk, or host:port (CONNECT)',
    gets: 'REQUEST_URI',
    fits: ({ parts: { form } }) => form === 'asterisk' || form === 'authority',
    takes: 'sent',
  },
  {
    name: 'refused',
    when: 'the target is ambiguous',
    gets: 'nothing: 400',
    fits: (facts) => facts.fault !== null,
    takes: 'refused',
  },
  {
    name: 'included',
    when: 'SERVER_PROTOCOL=INCLUDED (SSI of Apache)',
    gets: 'SCRIPT_NAME + PATH_INFO, QUERY_STRING',
    fits: ({ env }) => env.get('SERVER_PROTOCOL') === 'INCLUDED',
    takes: 'served',
  },
  {
    name: 'error-page-rewritten',
    when: 'REDIRECT_STATUS >= 400, and the error document was rewritten (REDIRECT_REDIRECT_REQUEST_METHOD)',
    gets: 'REDIRECT_URL, or SCRIPT_NAME + PATH_INFO if REDIRECT_URL does not end in PATH_INFO; QUERY_STRING',
    fits: (facts) => facts.isErrorPage && facts.redirects > 1,
    takes: 'redirected',
    keepsStatus: true,
  },
  {
    name: 'denied',
    when: 'REDIRECT_STATUS is 401 or 403, and SCRIPT_NAME + PATH_INFO is still the path that was denied, or empty, or that path ends in PATH_INFO',
    gets: 'nothing: that status',
    fits: (facts) => facts.isDenied && !facts.isProgram && isStillRefused(facts),
    takes: 'refused',
  },
  {
    name: 'error-page-below',
    when: 'REDIRECT_STATUS >= 400, and there is a PATH_INFO',
    gets: 'SCRIPT_NAME + PATH_INFO, QUERY_STRING',
    fits: (facts) => facts.isErrorPage && facts.info !== '',
    takes: 'served',
    keepsStatus: true,
  },
  {
    name: 'not-found-controller',
    when: 'REDIRECT_STATUS=404, and the error page is a program: a front controller for paths that do not exist',
    gets: 'REQUEST_URI; but 404 if its path has `%2F`, `%5C` or `%00` behind Apache, which applies no access rules to it',
    fits: (facts) => facts.status === 404 && facts.mode !== 'script' && facts.isProgram,
    takes: 'sent',
  },
  {
    name: 'error-page',
    when: 'REDIRECT_STATUS >= 400',
    gets: 'SCRIPT_NAME, QUERY_STRING: the page itself, or the root of a program',
    fits: (facts) => facts.isErrorPage && facts.served !== '',
    takes: 'served',
    keepsStatus: true,
  },
  {
    name: 'local-redirect',
    when: 'REDIRECT_REQUEST_METHOD, with any number of REDIRECT_ prefixes, and REDIRECT_STATUS=200 (Location field of a script)',
    gets: 'SCRIPT_NAME + PATH_INFO; or REDIRECT_URL, if a rewrite followed; QUERY_STRING',
    fits: (facts) => facts.mode !== 'request-uri' && facts.status === 200 && facts.redirects > 0,
    takes: 'redirected',
  },
  {
    name: 'as-sent',
    when: 'SCRIPT_NAME + PATH_INFO is the path of REQUEST_URI, or that path ends in PATH_INFO, or neither is set; or nginx sends that path as DOCUMENT_URI, and it begins with SCRIPT_NAME',
    gets: 'REQUEST_URI',
    fits: (facts) =>
      facts.mode === 'request-uri' || facts.served === '' || (facts.mode === 'auto' && agrees(facts)),
    takes: 'sent',
  },
  {
    name: 'rewritten',
    when: 'PATH_INFO does not appear in REQUEST_URI (rewrite rules)',
    gets: 'SCRIPT_NAME + PATH_INFO, QUERY_STRING',
    fits: (facts) => facts.info !== '',
    takes: 'served',
  },
  {
    name: 'front-controller',
    when: 'the server runs a program, and the path of REQUEST_URI does not end in its name',
    gets: 'REQUEST_URI',
    fits: (facts) => facts.mode === 'auto' && facts.isProgram,
    takes: 'sent',
  },
  {
    name: 'other-path',
    when: 'else (auth_request, mirror, X-Accel-Redirect, SSI, error_page, rewrite)',
    gets: 'SCRIPT_NAME, QUERY_STRING',
    fits: () => true,
    takes: 'served',
  },
]

function isStillRefused(facts: Facts): boolean {
  return facts.isSamePath || facts.endsInInfo || facts.served === ''
}

function agrees(facts: Facts): boolean {
  if (facts.isSamePath || facts.endsInInfo || facts.isProxied || facts.isSentRewritten) return true
  return facts.isAbsoluteInfo || facts.isSentByNginx || facts.isAuthorizedFile
}
