/**
 * Names of meta-variables seen before. The same few come with every request: taken from here they need
 * no memory, compare as one word, and objects made of them are cheap.
 */

/** Places in the table. */
const places = 1024

/** A name at the place that its letters give, or ''. Another name of the same place takes it over. */
const known: string[] = new Array(places).fill('')
/** The same names as bytes: comparing them takes a third of what `startsWith` takes. */
const knownBytes: Uint8Array[] = new Array(places).fill(new Uint8Array(0))

/** Longer names are not kept: names come from clients. */
export const maxKnownName = 64

const placeOf = (length: number, first: number, middle: number, last: number): number =>
  (length + 31 * last + 61 * middle + 7 * first) & (places - 1)

/** The part of a text as a name: the one string of its kind, if it is known. */
export function nameAt(text: string, start: number, end: number): string {
  const length = end - start
  if (length === 0 || length > maxKnownName) return text.slice(start, end)
  const middle = text.charCodeAt(start + (length >> 1))
  const place = placeOf(length, text.charCodeAt(start), middle, text.charCodeAt(end - 1))
  const name = known[place] as string
  if (name.length === length && text.startsWith(name, start)) return name
  return remember(place, text.slice(start, end))
}

/** The same for bytes, which are also there as Latin-1 text, from `at` on. */
export function nameOf(bytes: Uint8Array, start: number, end: number, text: string, at: number): string {
  const length = end - start
  if (length === 0 || length > maxKnownName) return text.slice(at, at + length)
  const middle = bytes[start + (length >> 1)] as number
  const place = placeOf(length, bytes[start] as number, middle, bytes[end - 1] as number)
  const same = knownBytes[place] as Uint8Array
  if (same.length === length) {
    let i = 0
    while (i < length && same[i] === bytes[start + i]) i++
    if (i === length) return known[place] as string
  }
  return remember(place, text.slice(at, at + length))
}

function remember(place: number, text: string): string {
  const name = uniqueName(text)
  known[place] = name
  knownBytes[place] = Uint8Array.from(name, (letter) => letter.charCodeAt(0))
  return name
}

/** The same text as the one string of its kind, which holds no larger text as slices do. */
export function uniqueName(name: string): string {
  const object = Object.create(null)
  object[name] = true
  // Property names are unique in V8.
  return Object.keys(object)[0] as string
}
