import type { Env } from '../core/exchange.js'
import type { FactOptions } from '../env/facts.js'
import { lintRules } from './environment-rules.js'
import type { Finding } from './finding.js'

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
