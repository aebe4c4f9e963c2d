/** What a program said before its body (RFC 3875 section 6.2). */
import type { HeaderList } from '../../core/exchange.js'

/** The four responses of RFC 3875 section 6.2. */
type HeadKind = 'document' | 'local-redirect' | 'client-redirect' | 'client-redirect-document'

/** What a program said before its body. */
export interface ProgramHead {
  readonly kind: HeadKind
  /** 200 to 599; 302 for a redirect without Status. */
  readonly status: number
  /** As the program wrote it; absent when it wrote none. */
  readonly reason?: string
  /** Fields as written, in order, repeats kept; without Status, and without fields of no value. */
  readonly headers: HeaderList
  /** Value of the Location field. For a local redirect, the path (and query) of this server. */
  readonly location?: string
  /** The program writes whole HTTP responses; they are to be passed on unmodified. */
  readonly nph: boolean
}
