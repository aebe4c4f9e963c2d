/** Arguments of a CGI script that a stranger wrote. */
import { percentDecode } from '../../env/text.js'

/**
 * RFC 3875 section 4.4: a web server may append the words of a query without "=" to the command line
 * (CVE-2012-1823). An app that reads options would take them for its owner's: they are removed.
 *
 * Apache puts backslashes before what a shell would read; Python's server gives the query as one word.
 *
 * @param argv changed in place
 * @param first index of the first argument that may be such a word: what precedes it started the script
 */
export function dropQueryWords(argv: string[], query: string | undefined, first = 2): void {
  if (!query || query.includes('=') || argv.length <= first) return
  const wanted = plain(Buffer.from(percentDecode(query), 'latin1').toString())
  for (let at = argv.length - 1; at >= first; at--) {
    const tail = plain(argv.slice(at).join(' '))
    if (tail === wanted) {
      argv.length = at
      return
    }
    if (tail.length > wanted.length) return
  }
}

const plain = (text: string): string => text.replaceAll('\\', '').replaceAll('+', ' ')
