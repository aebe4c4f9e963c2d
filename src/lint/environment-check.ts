/** Types and helpers for rules about meta-variables. */
import type { Env } from '../core/exchange.js'
import type { FactOptions } from '../env/facts.js'
import type { LintRule } from './finding.js'

/** The meta-variables of a request, and the gateway they came through. */
interface EnvironmentSubject {
  readonly env: Env
  readonly options: FactOptions
}

export type EnvironmentRule = LintRule<EnvironmentSubject> & { readonly variable: string }

/** A rule with at most one finding. */
export interface Check extends Omit<EnvironmentRule, 'check'> {
  /** What is wrong, or undefined. */
  readonly check: (env: Env, options: FactOptions) => string | undefined
}

export function ruleOf({ check, ...row }: Check): EnvironmentRule {
  return {
    ...row,
    check: ({ env, options }) => {
      const seen = check(env, options)
      return seen === undefined ? [] : [{ seen }]
    },
  }
}

export const when = (wrong: boolean, seen: string): string | undefined => (wrong ? seen : undefined)

/** A value for a message: quoted, and truncated. */
export const shown = (value: string | undefined): string =>
  value === undefined ? 'absent' : JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
