/** Options that are written NAME=VALUE. */
import { UsageError } from '../core/errors.js'

/**
 * @param form how it is written, for the message
 * @throws UsageError USAGE for one without a name or without "="
 */
export function pairs(texts: readonly string[], form: string): Record<string, string> {
  // Without a prototype: `__proto__=x` is a name as any other.
  const found: Record<string, string> = Object.create(null)
  for (const text of texts) {
    const at = text.indexOf('=')
    if (at < 1) throw new UsageError('USAGE', `${JSON.stringify(text)} is not written as ${form}.`)
    found[text.slice(0, at)] = text.slice(at + 1)
  }
  return found
}
