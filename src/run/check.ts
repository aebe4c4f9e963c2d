/** Checks the options of `run()`: every name and every value, before anything starts. */
import { cgiLimits } from '../core/limits/cgi.js'
import { checkLimits, checkOption, isWhole, unknownOption, wrongValue } from '../core/limits/check.js'
import { longestMs } from '../core/limits/limit.js'
import { recycleLimits } from '../core/limits/recycle.js'
import { requestLimits } from '../core/limits/requests.js'
import { checkPlace } from '../socket/check-place.js'
import type { RunOptions } from './options.js'

/** What an option accepts, and a check of its value. Null: checked elsewhere. */
type Check = readonly [takes: string, fits: (value: unknown) => boolean] | null

const isText: Check = ['a string', (value) => typeof value === 'string']
const isSwitch: NonNullable<Check> = ['true or false', (value) => typeof value === 'boolean']
const isFunction: Check = ['a function', (value) => typeof value === 'function']
const isTexts: Check = [
  'an array of strings',
  (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
]

function isOneOf(...values: string[]): Check {
  const quoted = values.map((value) => `'${value}'`)
  return [
    `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`,
    (value) => values.includes(value as string),
  ]
}

const checks: Readonly<Record<keyof RunOptions, Check>> = {
  server: null,
  host: null,
  port: null,
  listen: isText,
  socketMode: null,
  socketGroup: null,
  mount: isText,
  target: isOneOf('auto', 'request-uri', 'script'),
  url: isOneOf('relative', 'full'),
  development: isSwitch,
  onError: isFunction,
  quiet: isSwitch,
  allow: isTexts,
  allowedHosts: isTexts,
  limits: null,
  cgi: null,
  authorizer: null,
  filter: null,
  graceMs: [`a whole number of milliseconds, 0 to ${longestMs}`, isWhole(0, longestMs)],
  workers: [
    "a whole number from 0 to 1024, or 'auto'",
    (value) => value === 'auto' || isWhole(0, 1024)(value),
  ],
  recycle: null,
  restartOnChange: isSwitch,
  repairs: null,
}

/**
 * Checks the options, and switches off the repairs that they and CGIUP_REPAIRS name.
 * @throws UsageError USAGE that names the option, what it accepts and the value it got; REPAIRS_INVALID
 */
export async function checkOptions(options: RunOptions): Promise<void> {
  checkRunOptions(options)
  const { CGIUP_REPAIRS } = process.env
  if (options.repairs === undefined && !CGIUP_REPAIRS) return
  const { setRepairs } = await import('./repairs.js')
  setRepairs(options.repairs, CGIUP_REPAIRS)
}

/** Checks without side effects. @throws UsageError USAGE */
export function checkRunOptions(options: RunOptions): void {
  if (typeof options !== 'object')
    throw wrongValue('run()', 'an object of options, such as { port: 3000 }', options)
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (!Object.hasOwn(checks, name)) throw unknownOption('run()', name, Object.keys(checks))
    const check = checks[name as keyof RunOptions]
    if (check !== null) checkOption(name, value, ...check)
  }
  const { recycle = {}, limits = {}, cgi = {} } = options
  checkPlace(options)
  checkLimits('recycle', recycleLimits, recycle)
  checkLimits('limits', requestLimits, limits)
  checkLimits('cgi', cgiLimits, cgi, ['nph'])
  checkOption('cgi.nph', cgi.nph, ...isSwitch)
}
