/** Checks of options that come from JavaScript, or from a file that a person wrote. */
import { UsageError } from '../core/errors.js'
import { limitsFrom, type ServiceOptions } from '../serve/limits.js'
import type { RecycleOptions } from './recycle.js'

export interface ProcessOptions {
  readonly workers?: number | 'auto'
  readonly recycle?: RecycleOptions
  readonly socketMode?: number
  readonly socketGroup?: string | number
  readonly graceMs?: number
  readonly limits?: ServiceOptions
}

/** @throws UsageError USAGE that names the option, what it takes and what it has */
export function checkProcessOptions(options: ProcessOptions): void {
  const { workers, recycle = {}, socketMode, socketGroup, graceMs, limits = {} } = options
  check(
    'workers',
    workers,
    "a whole number from 0 to 1024, or 'auto'",
    (value) => value === 'auto' || isWhole(0, 1024)(value),
  )
  check('recycle.maxRequests', recycle.maxRequests, 'a whole number above 0', isWhole(1))
  check('recycle.maxMemory', recycle.maxMemory, 'a number of bytes', isWhole(1))
  check('recycle.maxAgeMs', recycle.maxAgeMs, 'a number of milliseconds', isWhole(1))
  check('socketMode', socketMode, 'a number such as 0o660', isWhole(0, 0o777))
  check(
    'socketGroup',
    socketGroup,
    'the name or number of a group',
    (value) => isWhole(0)(value) || (typeof value === 'string' && value !== ''),
  )
  check('graceMs', graceMs, 'a number of milliseconds', isWhole(0))
  checkLimits(limits)
}

/** At least one: 0 would serve nothing. */
const counts: readonly string[] = ['maxRequests', 'maxConnections', 'maxRequestsPerConnection']

/** A misspelt limit must not be a limit that is off. */
function checkLimits(limits: ServiceOptions): void {
  const known = Object.keys(limitsFrom({}))
  for (const [name, value] of Object.entries(limits)) {
    if (!known.includes(name))
      throw new UsageError('USAGE', `The option limits has no "${name}". It has: ${known.join(', ')}.`)
    if (name === 'multiplex')
      check(`limits.${name}`, value, 'true or false', (given) => typeof given === 'boolean')
    else if (counts.includes(name)) check(`limits.${name}`, value, 'a number above 0', isAtLeast(1))
    else check(`limits.${name}`, value, 'a number of 0 or more', isAtLeast(0))
  }
}

/** Infinity is no limit. */
const isAtLeast = (least: number) => (value: unknown) => typeof value === 'number' && value >= least

const isWhole =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (value: unknown) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most

function check(name: string, value: unknown, takes: string, fits: (value: unknown) => boolean): void {
  if (value === undefined || fits(value)) return
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value)
  throw new UsageError('USAGE', `The option ${name} takes ${takes}, not ${shown}.`)
}
