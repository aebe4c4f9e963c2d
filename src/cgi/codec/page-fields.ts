/** Header fields of the pages that this package writes itself: never of a reply of an app or a script. */

/**
 * They hold what is for one person at one moment (errors, lists, paths), and need nothing but their own text:
 * kept by no cache, put into no frame, loaded into no page of another site, and running no script, whatever a
 * fault in them might let in.
 */
export const pageFields: readonly string[] = [
  'Cache-Control',
  'no-store',
  'Content-Security-Policy',
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  // For browsers that do not know frame-ancestors.
  'X-Frame-Options',
  'DENY',
  'X-Content-Type-Options',
  'nosniff',
  'Cross-Origin-Resource-Policy',
  'same-origin',
  'Referrer-Policy',
  'no-referrer',
]

/** The fields of such a page in plain text. */
export const textPageFields: readonly string[] = ['Content-Type', 'text/plain; charset=utf-8', ...pageFields]

/** {@link textPageFields} as they are in a head. */
export const textPageLines: string = textPageFields
  .map((text, i) => (i % 2 === 0 ? `${text}: ` : `${text}\r\n`))
  .join('')
