/** Reproducible ways to split a byte stream. */

import { full } from './runs.js'

/** Numbers from 0 (inclusive) to 1 (exclusive), always the same ones for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/**
 * Ways to split this many bytes: byte by byte if there are few, in chunks of many sizes, at random. In
 * `npm test` each seed covers one of them, and seven consecutive seeds cover all.
 */
export function cutsOf(length: number, seed: number): number[][] {
  const every = (step: number) => Array.from({ length: Math.floor(length / step) }, (_, i) => (i + 1) * step)
  if (length > 100_000) return [every(65_536), every(4099)]
  const next = random(seed)
  const some = (count: number) => Array.from({ length: count }, () => Math.floor(next() * length))
  const all = [every(1), every(7), every(1460), some(1), some(1), some(3), some(20)]
  return full ? all : all.filter((_, i) => i === seed % all.length)
}
