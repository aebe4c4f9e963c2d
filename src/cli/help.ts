/** `cgiup --help COMMAND` */

import { nearest } from '../core/did-you-mean.js'
import { UsageError } from '../core/errors.js'
import { helpText } from './args.js'

/** @throws UsageError USAGE for a command that does not exist */
export async function helpOf(name: string): Promise<string> {
  if (name === 'run') return helpText((await import('./run-options.js')).appCommand)
  if (name === 'host') return helpText((await import('./host.js')).hostCommand)
  if (name === 'call') return helpText((await import('./call.js')).callCommand)
  const near = nearest(name, ['run', 'host', 'call'])
  const hint = near === undefined ? '' : ` Did you mean ${near}?`
  throw new UsageError('USAGE', `There is no command ${JSON.stringify(name)}.${hint}`)
}
