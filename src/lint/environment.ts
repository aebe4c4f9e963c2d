import type { Env } from '../core/exchange.js'
import type { FactOptions } from '../env/facts.js'
import { contradictionRules } from './contradiction-rules.js'
import type { EnvironmentRule } from './environment-check.js'
import { variableRules } from './environment-rules.js'
import { type Finding, findingsOf } from './finding.js'

/** The rules about meta-variables; docs/environment.md lists them. */
export const environmentRules: readonly EnvironmentRule[] = [...variableRules, ...contradictionRules]

/**
 * Checks the meta-variables of a request, in the order of the rules. No findings means that nothing is wrong.
 *
 * @param options how the request arrived
 */
export function lintEnv(env: Env, options: FactOptions = {}): Finding[] {
  return findingsOf(environmentRules, { env, options })
}
