import { bodyCases } from './bodies.js'
import type { Case } from './case.js'
import { environmentCases } from './environment.js'
import { failureCases } from './failures.js'
import { headerCases } from './headers.js'
import { replyCases } from './replies.js'
import { targetCases } from './targets.js'

/** The shared behaviour suite: what an app may rely on behind every gateway. */
export const cases: readonly Case[] = [
  ...targetCases,
  ...headerCases,
  ...bodyCases,
  ...replyCases,
  ...failureCases,
  ...environmentCases,
]
