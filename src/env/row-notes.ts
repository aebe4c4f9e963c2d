/** Descriptions of the rows in rows.ts, for docs/environment.md. Not loaded while serving requests. */
import type { RowName } from './rows.js'

interface RowNote {
  /** When the row matches. */
  readonly when: string
  /** Path and query that the app gets. */
  readonly gets: string
}

export const rowNotes: Readonly<Record<RowName, RowNote>> = {
  rebuilt: {
    when: 'no REQUEST_URI',
    gets: 'SCRIPT_NAME + PATH_INFO, QUERY_STRING',
  },
  'no-path': {
    when: 'the target has no path: an asterisk, or host:port (CONNECT)',
    gets: 'REQUEST_URI',
  },
  refused: {
    when: 'the target is ambiguous',
    gets: 'nothing: 400',
  },
  included: {
    when: 'SERVER_PROTOCOL=INCLUDED (Apache SSI)',
    gets: 'SCRIPT_NAME + PATH_INFO, QUERY_STRING',
  },
  'error-page-rewritten': {
    when: 'REDIRECT_STATUS >= 400, and the error document was rewritten (REDIRECT_REDIRECT_REQUEST_METHOD)',
    gets: 'REDIRECT_URL, or SCRIPT_NAME + PATH_INFO if REDIRECT_URL does not end in PATH_INFO; QUERY_STRING',
  },
  denied: {
    when: 'REDIRECT_STATUS is 401 or 403, and SCRIPT_NAME + PATH_INFO is still the path that was denied, or empty, or that path ends in PATH_INFO',
    gets: 'nothing: the reply has that status',
  },
  'error-page-below': {
    when: 'REDIRECT_STATUS >= 400, and there is a PATH_INFO',
    gets: 'SCRIPT_NAME + PATH_INFO, QUERY_STRING',
  },
  'not-found-controller': {
    when: 'REDIRECT_STATUS=404, and the error page is a program: a front controller for paths that do not exist',
    gets: 'REQUEST_URI; but 404 if its path has `%2F`, `%5C` or `%00` behind Apache, which applies no access rules to it',
  },
  'error-page': {
    when: 'REDIRECT_STATUS >= 400',
    gets: 'SCRIPT_NAME, QUERY_STRING: the page itself, or the root of a program',
  },
  'local-redirect': {
    when: 'REDIRECT_REQUEST_METHOD, with any number of REDIRECT_ prefixes, and REDIRECT_STATUS=200 (Location field of a script)',
    gets: 'SCRIPT_NAME + PATH_INFO; or REDIRECT_URL, if a rewrite followed; QUERY_STRING',
  },
  'as-sent': {
    when: 'SCRIPT_NAME + PATH_INFO is the path of REQUEST_URI, or that path ends in PATH_INFO, or neither is set; or nginx sends that path as DOCUMENT_URI, and it begins with SCRIPT_NAME',
    gets: 'REQUEST_URI',
  },
  rewritten: {
    when: 'PATH_INFO does not appear in REQUEST_URI (rewrite rules)',
    gets: 'SCRIPT_NAME + PATH_INFO, QUERY_STRING',
  },
  'front-controller': {
    when: 'the server runs a program, and the path of REQUEST_URI does not end in its name',
    gets: 'REQUEST_URI',
  },
  'other-path': {
    when: 'none of the above (auth_request, mirror, X-Accel-Redirect, SSI, error_page, rewrite)',
    gets: 'SCRIPT_NAME, QUERY_STRING',
  },
}
