/** How often a test repeats itself with other input. */

/** True in `npm run test:all` and in CI. */
export const full: boolean = process.env.CGIUP_TEST_RUNS === 'full'

/** The number of runs of a property, or a fifth of it (but at least 20) in `npm test`. */
export function runs(count: number): number {
  return full ? count : Math.max(Math.min(count, 20), Math.ceil(count / 5))
}

/** Steps through all places of an input, or through every seventh of them in `npm test`. */
export const stride: number = full ? 1 : 7
