/** The findings of lint rules, for environments and for output, and how the rules are run. */

export interface Finding {
  /** Stable name of the rule. */
  readonly code: string
  /**
   * `error`: breaks a MUST, or no server accepts it. `warning`: breaks a SHOULD, or fails on some servers.
   * `note`: allowed, but worth knowing.
   */
  readonly level: 'error' | 'warning' | 'note'
  /** `RFC 3875 4.1.2`, a CVE, `SCGI`, or the name of a server if only its practice defines it. */
  readonly clause: string
  /** The meta-variable that the finding is about; null for a script's output. */
  readonly variable: string | null
  /** Line of the head, counted from 1; null for findings about the whole output, and for meta-variables. */
  readonly line: number | null
  /** What is wrong, in one sentence. */
  readonly seen: string
  /** How to fix it, in one sentence. */
  readonly fix: string
}

/** What a rule has seen. */
export interface Seen {
  readonly seen: string
  readonly line?: number
  /** Replaces the rule's own advice if that does not apply. */
  readonly fix?: string
}

/** One rule; it checks an environment or a script's output. */
export interface LintRule<Subject> extends Pick<Finding, 'code' | 'level' | 'clause' | 'fix'> {
  readonly variable?: string
  check(subject: Subject): readonly Seen[]
}

/** All findings of the rules, in their order. */
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
