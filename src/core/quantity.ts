/** Sizes and durations as people write them: `256M`, `1.5 GB`, `500ms`, `30m`. */

const sizeUnits: Readonly<Record<string, number>> = {
  ...{ '': 1, b: 1, k: 1 << 10, kb: 1 << 10, kib: 1 << 10 },
  ...{ m: 1 << 20, mb: 1 << 20, mib: 1 << 20, g: 1 << 30, gb: 1 << 30, gib: 1 << 30 },
}

const timeUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function inUnits(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, digits = '', unit = ''] = /^(\d{1,12}(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? []
  const factor = units[unit.toLowerCase()]
  return digits === '' || factor === undefined ? undefined : Math.round(Number(digits) * factor)
}

/** @returns bytes; a number without a unit is bytes. Undefined if the text is not a size. */
export const bytesOf = (text: string): number | undefined => inUnits(text, sizeUnits)

/**
 * @param bare the unit of a number without one; without it such a number is not a duration
 * @returns milliseconds. Undefined if the text is not a duration.
 */
export const millisecondsOf = (text: string, bare?: 's'): number | undefined =>
  inUnits(text, bare === undefined ? timeUnits : { ...timeUnits, '': timeUnits[bare] as number })
