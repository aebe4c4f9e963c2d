import type { Env } from '../exchange.js'
import type { FactOptions } from './facts.js'
import { lintRules } from './lint-rules.js'

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

/**
 * Checks the meta-variables of a request, in the order of the rules. No findings: nothing is wrong.
 *
 * @param options how the request came
 */
export function lintEnv(env: Env, options: FactOptions = {}): Finding[] {
  const findings: Finding[] = []
  for (const { check, ...rule } of lintRules) {
    const seen = check(env, options)
    if (seen !== undefined) findings.push({ ...rule, seen })
  }
  return findings
}
