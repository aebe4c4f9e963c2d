/**
 * Defines a limit, and turns the options of a caller into values.
 *
 * The files in this folder are the only table of limits. Each limit is one entry: name, default, unit,
 * smallest value, command-line option, and a docstring that also appears in the option types and in
 * docs/limits.md. Types, defaults, checks and docs are generated from it.
 */

export interface Limit<V = number | boolean | undefined> {
  /** The default. Infinity: no limit. Undefined: the docstring says what it depends on. */
  readonly standard: V
  readonly unit: 'bytes' | 'characters' | 'milliseconds' | 'count' | 'switch'
  /** The smallest value that makes sense. Default 0. */
  readonly least?: number
  /** Whole numbers only. Default false. */
  readonly whole?: boolean
  /** The command-line option that sets it. */
  readonly cli?: string
}

/** The limits of one adapter or handler, by name. */
export type LimitTable = Readonly<Record<string, Limit>>

/** A table as caller options. */
export type LimitOptions<T extends LimitTable> = {
  readonly [name in keyof T]?: Exclude<T[name]['standard'], undefined>
}

/** A table as values: each option or its default; undefined if it has none. */
export type LimitValues<T extends LimitTable> = {
  readonly [name in keyof T as undefined extends T[name]['standard'] ? never : name]: T[name]['standard']
} & {
  readonly [name in keyof T as undefined extends T[name]['standard'] ? name : never]?: Exclude<
    T[name]['standard'],
    undefined
  >
}

/** No limit. */
export const none = Number.POSITIVE_INFINITY

const inUnit =
  (unit: Limit['unit']) =>
  (standard: number, more?: Pick<Limit, 'least' | 'whole' | 'cli'>): Limit<number> => ({
    standard,
    unit,
    ...more,
  })

export const bytes = inUnit('bytes')
export const characters = inUnit('characters')
export const milliseconds = inUnit('milliseconds')
export const count = inUnit('count')

/** The longest delay of a Node timer, 24.8 days; a timer with a longer one fires immediately. */
export const longestMs = 2 ** 31 - 1

/** The values of a table: set by the caller, or defaults. */
export function limitValues<T extends LimitTable>(table: T, options: LimitOptions<T>): LimitValues<T> {
  const values: Record<string, Limit['standard']> = {}
  for (const name in table) {
    const { standard, unit } = table[name] as Limit
    const value = options[name] ?? standard
    if (value === undefined) continue
    values[name] = unit === 'milliseconds' && Number(value) > longestMs ? longestMs : value
  }
  return values as LimitValues<T>
}
