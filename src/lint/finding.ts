/** What the rules of this room find, whatever they look at, and how they are run. */

export interface Finding {
  /** Stable name of the rule. */
  readonly code: string
  /**
   * `error`: breaks a MUST, or no server accepts it. `warning`: breaks a SHOULD, or some servers stumble.
   * `note`: allowed, and worth knowing.
   */
  readonly level: 'error' | 'warning' | 'note'
  /** `RFC 3875 4.1.2`, a CVE, `SCGI`, or the name of a server where only practice says so. */
  readonly clause: string
  /** The meta-variable that it is about; null for a script's output. */
  readonly variable: string | null
  /** Line of the head, counted from 1; null for what concerns the whole, and for meta-variables. */
  readonly line: number | null
  /** What is wrong, one sentence. */
  readonly seen: string
  /** What to do about it, one sentence. */
  readonly fix: string
}

/** What a rule has seen. */
export interface Seen {
  readonly seen: string
  readonly line?: number
  /** Where the rule's own advice does not fit. */
  readonly fix?: string
}

/** One check; its subject is an environment or a script's output. */
export interface LintRule<Subject> extends Pick<Finding, 'code' | 'level' | 'clause' | 'fix'> {
  readonly variable?: string
  check(subject: Subject): readonly Seen[]
}

/** All that the rules find, in their order. */
export function findingsOf<Subject>(rules: readonly LintRule<Subject>[], subject: Subject): Finding[] {
  return rules.flatMap(({ code, level, clause, variable = null, fix, check }) =>
    check(subject).map((one) => ({
      code,
      level,
      clause,
      variable,
      line: one.line ?? null,
      seen: one.seen,
      fix: one.fix ?? fix,
    })),
  )
}
