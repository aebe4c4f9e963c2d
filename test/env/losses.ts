/** Information that the recorded servers destroy, with the reason. */
import { readFileSync } from 'node:fs'

/** The server itself destroyed information that an application should have. */
export interface Loss {
  /** Prefixes of mode names. */
  readonly modes: readonly string[]
  /** `*`: many, if not all. */
  readonly requests: readonly string[]
  readonly fields: readonly string[]
  readonly why: string
}

export const losses: readonly Loss[] = JSON.parse(
  readFileSync(new URL('../fixtures/captures/losses.json', import.meta.url), 'utf8'),
)

/** Losses that a configured mount path repairs. */
export const isMountOnly = (loss: Loss) => loss.requests.includes('*') && loss.fields.includes('mount')

export const lossOf = (mode: string, request: string, field: string): Loss | undefined =>
  losses.find(
    (loss) =>
      loss.modes.some((prefix) => mode.startsWith(prefix)) &&
      (loss.requests.includes(request) || loss.requests.includes('*')) &&
      loss.fields.includes(field),
  )
