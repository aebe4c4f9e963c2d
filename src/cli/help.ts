/** `cgiup --help COMMAND` */
import { UsageError } from '../errors.js'
import { nearest } from '../nearest.js'
import { helpText } from './args.js'

/** @throws UsageError USAGE for a command that does not exist */
export async function helpOf(name: string): Promise<string> {
  if (name === 'run') return helpText((await import('./run-options.js')).command)
  if (name === 'host') return helpText((await import('./host.js')).command)
  if (name === 'call') return helpText((await import('./call.js')).command)
  const near = nearest(name, ['run', 'host', 'call'])
  const hint = near === undefined ? '' : ` Did you mean ${near}?`
  throw new UsageError('USAGE', `There is no command ${JSON.stringify(name)}.${hint}`)
}
