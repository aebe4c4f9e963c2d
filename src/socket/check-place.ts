/** Checks the options for an address to listen on. */
import { checkOption, isWhole } from '../core/limits/check.js'
import type { ListenPlace } from './listen.js'

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''

/** @throws UsageError USAGE with the name of the option, what it accepts, and its value */
export function checkPlace(place: ListenPlace): void {
  const { host, port, path, socketMode, socketGroup, backlog } = place
  checkOption('host', host, 'an address or a host name', (value) => typeof value === 'string')
  checkOption('port', port, 'a whole number from 0 to 65535', isWhole(0, 65_535))
  checkOption('path', path, 'the path of a Unix socket', isText)
  checkOption('socketMode', socketMode, 'a number such as 0o660', isWhole(0, 0o777))
  checkOption(
    'socketGroup',
    socketGroup,
    'the name or number of a group',
    (value) => isWhole(0)(value) || isText(value),
  )
  checkOption('backlog', backlog, 'a whole number above 0', isWhole(1))
}
