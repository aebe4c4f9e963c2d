/** Which repairs are switched off, by CGIUP_REPAIRS and the option `repairs`. */
import { nearest } from '../core/did-you-mean.js'
import { UsageError } from '../core/errors.js'
import { isOptions } from '../core/limits/check.js'
import { optionalRepairs, repairs } from '../env/repair-table.js'
import { type OptionalRepair, switchOffRepairs } from '../env/repairs.js'

/** The value of CGIUP_REPAIRS when the first app was run. */
let fromVariable: readonly OptionalRepair[] | undefined

/**
 * Switches off the repairs that CGIUP_REPAIRS and the option name, for the whole process.
 * @throws UsageError REPAIRS_INVALID
 */
export function setRepairs(option: unknown, variable: string | undefined): void {
  fromVariable ??= namesIn(variable ?? '')
  const names = [...fromVariable]
  for (const [name, isOn] of entriesOf(option)) {
    if (isOn === undefined) continue
    if (isOn === true && repairs.some((repair) => repair.name === name)) continue
    const known = checked(name, 'the option "repairs", --no-repair')
    if (typeof isOn !== 'boolean')
      throw invalid(`The option "repairs" has ${JSON.stringify(isOn)} for "${name}", not true or false.`)
    names.push(known)
  }
  switchOffRepairs(names)
}

/** Parses `-name,-name`; blanks separate names as well. */
export function namesIn(text: string): OptionalRepair[] {
  const words = text.split(/[\s,]+/).filter(Boolean)
  return words.map((word) => {
    const name = checked(word.replace(/^[-+]/, ''), 'CGIUP_REPAIRS')
    if (word.startsWith('-')) return name
    throw invalid(`CGIUP_REPAIRS has ${JSON.stringify(word)}; "-${name}" would switch that repair off.`)
  })
}

function entriesOf(option: unknown): [name: string, isOn: unknown][] {
  if (option === undefined) return []
  if (isOptions(option)) return Object.entries(option)
  throw invalid(
    `The option "repairs" must be an object such as { '${optionalRepairs[0]}': false }, not ${JSON.stringify(option)}.`,
  )
}

function checked(name: string, by: string): OptionalRepair {
  const known = optionalRepairs.find((one) => one === name)
  if (known !== undefined) return known
  const security = repairs.find((repair) => repair.name === name)?.security
  if (security) throw invalid(`The repair "${name}" (${by}) cannot be switched off: without it ${security}.`)
  const near = nearest(name, optionalRepairs)
  const hint =
    near === undefined
      ? ` Repairs that can be switched off: ${optionalRepairs.join(', ')}.`
      : ` Did you mean "${near}"?`
  throw invalid(`There is no repair ${JSON.stringify(name)} (${by}).${hint}`)
}

const invalid = (seen: string): UsageError => new UsageError('REPAIRS_INVALID', seen)
