/** "Did you mean": the known word closest to a mistyped one, or undefined if none is close. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const typed = word.toLowerCase()
  // One wrong letter in three is a typo; more is a different word.
  let best = Math.max(1, Math.floor(typed.length / 3)) + 1
  let found: string | undefined
  for (const candidate of known) {
    const cost = distance(typed, candidate.toLowerCase())
    if (cost < best) {
      best = cost
      found = candidate
    }
  }
  return found
}

/** Number of edits (insert, remove, replace, swap of neighbours) between two words. */
function distance(from: string, to: string): number {
  let before: number[] = []
  let above = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1]
      let cost = Math.min(cell(above, j) + 1, cell(row, j - 1) + 1, cell(above, j - 1) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      if (swapped) cost = Math.min(cost, cell(before, j - 2) + 1)
      row.push(cost)
    }
    before = above
    above = row
  }
  return cell(above, to.length)
}

const cell = (row: readonly number[], at: number): number => row[at] ?? Number.POSITIVE_INFINITY
