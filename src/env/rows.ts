/**
 * Which request an app is asked for: the first row that fits decides. REQUEST_URI is what the client wrote;
 * the server's own variables say what it decided to serve, and to that its access rules were applied. Data:
 * docs/environment.md lists it, the lint names the row, a test holds it to recorded environments.
 */
import type { Facts } from './facts.js'

export interface Row {
  readonly name: string
  /** When it fits, for the docs. */
  readonly when: string
  /** Path and query that an app gets, for the docs. */
  readonly gets: string
  readonly fits: (facts: Facts) => boolean
  /**
   * `sent`: REQUEST_URI. `served`: SCRIPT_NAME + PATH_INFO with QUERY_STRING. `redirected`: REDIRECT_URL with
   * QUERY_STRING. `refused`: the app is not called.
   */
  readonly takes: 'sent' | 'served' | 'redirected' | 'refused'
  /** A reply of 200 goes out with the status of the error document. */
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
    when: 'a target without a path: an asterisk, or host:port (CONNECT)',
    gets: 'REQUEST_URI',
    fits: ({ parts: { form } }) => form === 'asterisk' || form === 'authority',
    takes: 'sent',
  },
  {
    name: 'refused',
    when: 'the target can be read in two ways',
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
    gets: 'REDIRECT_URL, or SCRIPT_NAME + PATH_INFO where PATH_INFO is not an end of it; QUERY_STRING',
    fits: (facts) => facts.isErrorPage && facts.redirects > 1,
    takes: 'redirected',
    keepsStatus: true,
  },
  {
    name: 'denied',
    when: 'REDIRECT_STATUS is 401 or 403, and SCRIPT_NAME + PATH_INFO is still the path that was refused, or empty, or PATH_INFO is an end of that path',
    gets: 'nothing: that status',
    fits: (facts) => facts.isDenied && !facts.isProgram && isStillRefused(facts),
    takes: 'refused',
  },
  {
    name: 'error-page-below',
    when: 'REDIRECT_STATUS >= 400 and PATH_INFO',
    gets: 'SCRIPT_NAME + PATH_INFO, QUERY_STRING',
    fits: (facts) => facts.isErrorPage && facts.info !== '',
    takes: 'served',
    keepsStatus: true,
  },
  {
    name: 'not-found-controller',
    when: 'REDIRECT_STATUS=404 and a program: a front controller for what is not found',
    gets: 'REQUEST_URI; but 404 where its path has `%2F`, `%5C` or `%00` behind Apache, which applies no access rules to it',
    fits: (facts) => facts.status === 404 && facts.mode !== 'script' && facts.isProgram,
    takes: 'sent',
  },
  {
    name: 'error-page',
    when: 'REDIRECT_STATUS >= 400',
    gets: 'SCRIPT_NAME, QUERY_STRING: the page itself, or the home of a program',
    fits: (facts) => facts.isErrorPage && facts.served !== '',
    takes: 'served',
    keepsStatus: true,
  },
  {
    name: 'local-redirect',
    when: 'REDIRECT_REQUEST_METHOD, behind any number of REDIRECT_, and REDIRECT_STATUS=200 (Location of a script)',
    gets: 'SCRIPT_NAME + PATH_INFO; or REDIRECT_URL, where a rewrite followed; QUERY_STRING',
    fits: (facts) => facts.mode !== 'request-uri' && facts.status === 200 && facts.redirects > 0,
    takes: 'redirected',
  },
  {
    name: 'as-sent',
    when: 'SCRIPT_NAME + PATH_INFO is the path of REQUEST_URI, or PATH_INFO an end of it, or neither is there; or DOCUMENT_URI of nginx is that path, and SCRIPT_NAME its beginning',
    gets: 'REQUEST_URI',
    fits: (facts) =>
      facts.mode === 'request-uri' || facts.served === '' || (facts.mode === 'auto' && agrees(facts)),
    takes: 'sent',
  },
  {
    name: 'rewritten',
    when: 'PATH_INFO, which appears nowhere in REQUEST_URI (rewrite rules)',
    gets: 'SCRIPT_NAME + PATH_INFO, QUERY_STRING',
    fits: (facts) => facts.info !== '',
    takes: 'served',
  },
  {
    name: 'front-controller',
    when: 'a program, and the path of REQUEST_URI does not end in its name',
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
