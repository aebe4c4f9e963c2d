/** Checks options set by JavaScript callers: a misspelt limit must not silently turn the limit off. */
import { nearest } from '../did-you-mean.js'
import { UsageError } from '../errors.js'
import { bytesOf, millisecondsOf } from '../quantity.js'
import { type Limit, type LimitTable, none } from './limit.js'

/** Whether a limit can have this value. */
function isLimitValue(limit: Limit, value: unknown): boolean {
  if (limit.unit === 'switch') return typeof value === 'boolean'
  if (typeof value !== 'number' || !(value >= (limit.least ?? 0))) return false
  return !limit.whole || Number.isInteger(value) || (value === none && mayBeNone(limit))
}

/** Infinity is a value for times and for limits without a default; Node's HTTP parser does not accept it. */
const mayBeNone = ({ unit, standard }: Limit): boolean => unit === 'milliseconds' || standard === none

/**
 * Checks the options of a function, or those within one option.
 *
 * @param owner `serve()` or `limits`
 * @param others names that the owner accepts besides the limits
 * @throws UsageError USAGE with the name of the option, what it accepts, and its value
 */
export function checkLimits(
  owner: string,
  table: LimitTable,
  options: unknown,
  others: readonly string[] = [],
): void {
  if (!isOptions(options))
    throw wrongValue(owner, isFunction(owner) ? 'an object of options' : 'an object of limits', options)
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || others.includes(name)) continue
    const limit = Object.hasOwn(table, name) ? table[name] : undefined
    if (limit === undefined) throw unknownOption(owner, name, [...Object.keys(table), ...others])
    if (!isLimitValue(limit, value))
      throw wrongValue(optionName(owner, name), takes(limit), value, hint(limit, value))
  }
}

/** An array or a Map is refused: its entries would be silently ignored. */
export function isOptions(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !(Symbol.iterator in value)
}

/** All names of a set of options; the type ensures that the list is complete. */
export const namesOf = <T extends object>(names: { readonly [name in keyof Required<T>]: true }): string[] =>
  Object.keys(names)

/** The error for an unknown option. */
export function unknownOption(owner: string, name: string, known: readonly string[]): UsageError {
  const near = nearest(name, known)
  const did = near === undefined ? '' : ` Did you mean ${near}?`
  const has = isFunction(owner)
    ? `${owner} has no option ${JSON.stringify(name)}`
    : `The option ${owner} has no ${JSON.stringify(name)}`
  return new UsageError('USAGE', `${has}. It has: ${known.join(', ')}.${did}`)
}

/** The error for an invalid option value. @param more what to write instead, with its full stop */
export function wrongValue(name: string, takes: string, value: unknown, more = ''): UsageError {
  const subject = /^\w+\(\)$/.test(name) ? `The second argument of ${name}` : `The option ${name}`
  return new UsageError('USAGE', `${subject} must be ${takes}, not ${shown(value)}.${more && ` ${more}`}`)
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'function') return 'a function'
  return typeof value === 'object' && value !== null ? 'another object' : String(value)
}

/** Throws if an option is set to an invalid value. @throws UsageError USAGE */
export function checkOption(
  name: string,
  value: unknown,
  takes: string,
  fits: (value: unknown) => boolean,
): void {
  if (value !== undefined && !fits(value)) throw wrongValue(name, takes, value)
}

/** A whole number within bounds. */
export const isWhole =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (value: unknown): boolean =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most

const isFunction = (owner: string): boolean => owner.endsWith('()')

const optionName = (owner: string, name: string): string =>
  isFunction(owner) ? `${name} of ${owner}` : `${owner}.${name}`

function takes({ unit, least = 0, whole }: Limit): string {
  if (unit === 'switch') return 'true or false'
  const number = whole ? 'a whole number' : 'a number'
  if (unit !== 'count') return `${number} of ${unit}, ${least} or more`
  return least === 1 ? `${number} above 0` : `${number} of ${least} or more`
}

/** What to write instead of a text with a unit, or of a number that was probably meant in a larger unit. */
function hint({ unit, least = 0 }: Limit, value: unknown): string {
  if (typeof value === 'number' && unit === 'bytes' && value > 0 && value < least)
    return `${value} MiB is ${Math.round(value * 2 ** 20)} bytes.`
  if (typeof value !== 'string') return ''
  const meant =
    unit === 'bytes' ? bytesOf(value) : unit === 'milliseconds' ? millisecondsOf(value) : Number(value)
  return meant === undefined || !(meant >= least) ? '' : `Write ${meant}.`
}
