/**
 * Names of meta-variables seen before. The same few come with every request: taken from here they need
 * no memory, compare as one word, and objects made of them are cheap.
 */

/** Places in the table. */
const PLACES = 1024

/** A name at the place that its letters give, or ''. Another name of the same place takes it over. */
const known: string[] = new Array(PLACES).fill('')

/** Longer names are not kept: names come from clients. */
export const MAX_KNOWN_NAME = 64

/** The part of a text as a name: the one string of its kind, if it is known. */
export const nameAt = (text: string, start: number, end: number): string => {
  const length = end - start
  if (length === 0 || length > MAX_KNOWN_NAME) return text.slice(start, end)
  const middle = text.charCodeAt(start + (length >> 1))
  const last = text.charCodeAt(end - 1)
  const place = (length + 31 * last + 61 * middle + 7 * text.charCodeAt(start)) % PLACES
  const name = known[place] as string
  if (name.length === length && text.startsWith(name, start)) return name
  const unique = uniqueName(text.slice(start, end))
  known[place] = unique
  return unique
}

/** The same text as the one string of its kind, which holds no larger text as slices do. */
export const uniqueName = (name: string): string => {
  const object = Object.create(null)
  object[name] = true
  // Property names are unique in V8.
  return Object.keys(object)[0] as string
}
