/**
 * Which request an app receives: the first matching row decides. REQUEST_URI is what the client sent; the
 * server's own variables show what it decided to serve, and its access rules were applied to that.
 * The lint names the row, a test checks it against recorded environments; row-notes.ts describes each row
 * for docs/environment.md.
 */
import type { Facts } from './facts.js'

export type RowName =
  | 'rebuilt'
  | 'no-path'
  | 'refused'
  | 'included'
  | 'error-page-rewritten'
  | 'denied'
  | 'error-page-below'
  | 'not-found-controller'
  | 'error-page'
  | 'local-redirect'
  | 'as-sent'
  | 'rewritten'
  | 'front-controller'
  | 'other-path'

export interface Row {
  readonly name: RowName
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
    fits: (facts) => facts.sent === '',
    takes: 'served',
  },
  {
    name: 'no-path',
    fits: ({ parts: { form } }) => form === 'asterisk' || form === 'authority',
    takes: 'sent',
  },
  {
    name: 'refused',
    fits: (facts) => facts.fault !== null,
    takes: 'refused',
  },
  {
    name: 'included',
    fits: ({ env }) => env.get('SERVER_PROTOCOL') === 'INCLUDED',
    takes: 'served',
  },
  {
    name: 'error-page-rewritten',
    fits: (facts) => facts.isErrorPage && facts.redirects > 1,
    takes: 'redirected',
    keepsStatus: true,
  },
  {
    name: 'denied',
    fits: (facts) => facts.isDenied && !facts.isProgram && isStillRefused(facts),
    takes: 'refused',
  },
  {
    name: 'error-page-below',
    fits: (facts) => facts.isErrorPage && facts.info !== '',
    takes: 'served',
    keepsStatus: true,
  },
  {
    name: 'not-found-controller',
    fits: (facts) => facts.status === 404 && facts.mode !== 'script' && facts.isProgram,
    takes: 'sent',
  },
  {
    name: 'error-page',
    fits: (facts) => facts.isErrorPage && facts.served !== '',
    takes: 'served',
    keepsStatus: true,
  },
  {
    name: 'local-redirect',
    fits: (facts) => facts.mode !== 'request-uri' && facts.status === 200 && facts.redirects > 0,
    takes: 'redirected',
  },
  {
    name: 'as-sent',
    fits: (facts) =>
      facts.mode === 'request-uri' || facts.served === '' || (facts.mode === 'auto' && agrees(facts)),
    takes: 'sent',
  },
  {
    name: 'rewritten',
    fits: (facts) => facts.info !== '',
    takes: 'served',
  },
  {
    name: 'front-controller',
    fits: (facts) => facts.mode === 'auto' && facts.isProgram,
    takes: 'sent',
  },
  {
    name: 'other-path',
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
