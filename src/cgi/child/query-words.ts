/** Removes command-line arguments that come from the request. */
import { percentDecode } from '../../env/text.js'

/**
 * RFC 3875 section 4.4: a web server may append the words of a query without "=" to the command line
 * (CVE-2012-1823). An app that parses options would trust them as if its owner had set them, so they are
 * removed.
 *
 * Apache escapes shell characters with backslashes; Python's server passes the query as one word.
 *
 * @param argv changed in place
 * @param first index of the first argument that may be such a word: earlier ones started the script
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
