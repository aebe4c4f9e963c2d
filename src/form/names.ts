/** Names in a multipart form: how browsers write them, and what is left of a client's file name. */

/**
 * HTML standard, "multipart/form-data encoding algorithm": in the names of fields and files, LF, CR
 * and the double quote are sent as %0A, %0D and %22; nothing else is escaped.
 */
export function unescapeName(name: string): string {
  if (!name.includes('%')) return name
  return name.replace(/%0A/gi, '\n').replace(/%0D/gi, '\r').replaceAll('%22', '"')
}

/**
 * The last component of a client's file name, without control characters: RFC 7578 section 4.2, "do
 * not use the file name blindly, check and possibly change to match local file system conventions".
 * Empty for a name that is none (`..`, `/`, nothing).
 */
export function cleanFileName(name: string): string {
  const last = name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1)
  // Controls, and the characters that turn the direction of text (they hide the true extension).
  const clean = last.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '').trim()
  return clean === '.' || clean === '..' ? '' : clean
}
