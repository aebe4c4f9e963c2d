/**
 * What a limit is, and how the options of a caller become values.
 *
 * The files of this folder are the one table of limits. A limit is one line there: name, default, unit,
 * smallest value, command-line spelling, and a docstring that is the text of its option and of
 * docs/limits.md. Types, defaults, checks and docs are made of it.
 */

export interface Limit<V = number | boolean | undefined> {
  /** Where the caller sets nothing. Infinity: no limit. Undefined: the docstring says what it depends on. */
  readonly standard: V
  readonly unit: 'bytes' | 'characters' | 'milliseconds' | 'count' | 'switch'
  /** The smallest value that makes sense. Default 0. */
  readonly least?: number
  /** Whole numbers only. Default false. */
  readonly whole?: boolean
  /** The option of the command line that sets it. */
  readonly cli?: string
}

/** The limits of one adapter or handler, by name. */
export type LimitTable = Readonly<Record<string, Limit>>

/** A table as the options of a caller. */
export type LimitOptions<T extends LimitTable> = {
  readonly [name in keyof T]?: Exclude<T[name]['standard'], undefined>
}

/** A table as values, each option or its default; absent where it has none. */
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

/** The longest time that a timer of Node takes, 24.8 days; it fires at once for a longer one. */
export const longestMs = 2 ** 31 - 1

/** The values of a table: what the caller set, else the defaults. */
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
