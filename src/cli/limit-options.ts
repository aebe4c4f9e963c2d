/** Limits on the command line: each is parsed by the unit in its row of the table. */
import { UsageError } from '../core/errors.js'
import type { Limit } from '../core/limits/limit.js'
import { bytesOf, millisecondsOf } from '../core/quantity.js'
import { one, type Parsed } from './args.js'

interface Reading {
  readonly takes: string
  read(text: string): number | undefined
}

const whole = (text: string): number | undefined => (/^\d{1,15}$/.test(text) ? Number(text) : undefined)

/**
 * The value of the option that sets a limit; undefined when the option is absent.
 *
 * @param bare the unit of a duration without one
 * @throws UsageError USAGE that names the option, what it accepts and the value it got
 */
export function limitOf(parsed: Parsed, limit: Limit, bare?: 's'): number | undefined {
  const { cli = '', least = 0 } = limit
  const text = one(parsed, cli.slice(2))
  if (text === undefined) return undefined
  const { takes, read } = readingOf(limit, bare)
  const value = read(text.trim())
  if (value !== undefined && value >= least) return value
  // A size without a unit that is too small was probably meant in another unit.
  const unit = /^\d+$/.test(text.trim()) && limit.unit === 'bytes' ? ' A number without a unit is bytes.' : ''
  throw new UsageError('USAGE', `${cli} must be ${takes}, not ${JSON.stringify(text)}.${unit}`)
}

function readingOf({ unit, least = 0 }: Limit, bare?: 's'): Reading {
  if (unit === 'bytes') {
    const from = least > 0 ? ` of ${least / 2 ** 20}M or more` : ''
    return { takes: `a size${from}, such as 256M or 1G`, read: bytesOf }
  }
  if (unit === 'milliseconds') {
    const examples = bare === undefined ? '90s, 30m or 12h' : '60s, 500ms or 2m'
    const none = least > 0 ? '' : '; 0 for no limit'
    return { takes: `a time such as ${examples}${none}`, read: (text) => millisecondsOf(text, bare) }
  }
  return { takes: least > 0 ? 'a whole number above 0' : 'a whole number', read: whole }
}
