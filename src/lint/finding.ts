/** Something in an environment that breaks RFC 3875, contradicts itself or is known to be dangerous. */
export interface Finding {
  /** Stable name. */
  readonly code: string
  /** `must` and `should` as the clause has it; `note` for what is allowed and worth knowing. */
  readonly level: 'must' | 'should' | 'note'
  /** `RFC 3875 4.1.2`, a CVE, or `SCGI`. */
  readonly clause: string
  readonly variable: string
  /** What is wrong with it, one sentence. */
  readonly seen: string
  /** What to do about it, one sentence. */
  readonly fix: string
}
