/** Header fields of the pages that cgiup creates itself; never used for replies of an app or a script. */

/**
 * Such pages are for one person at one moment (errors, lists, paths), and are self-contained. They must not
 * be cached, framed, or loaded by pages of other sites, and must not run scripts, even if a bug lets some in.
 */
export const pageFields: readonly string[] = [
  'Cache-Control',
  'no-store',
  'Content-Security-Policy',
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  // For browsers that do not support frame-ancestors.
  'X-Frame-Options',
  'DENY',
  'X-Content-Type-Options',
  'nosniff',
  'Cross-Origin-Resource-Policy',
  'same-origin',
  'Referrer-Policy',
  'no-referrer',
]

/** The header fields of a page in plain text. */
export const textPageFields: readonly string[] = ['Content-Type', 'text/plain; charset=utf-8', ...pageFields]

/** {@link textPageFields} in the form of head lines. */
export const textPageLines: string = textPageFields
  .map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`))
  .join('')
