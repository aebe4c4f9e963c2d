/** How often a test is repeated with other input. */

/** True in `npm run test:all` and in CI. */
export const full: boolean = process.env.CGIUP_TEST_RUNS === 'full'

/** The number of runs of a property; in `npm test` a fifth of it, but at least 20. */
export function runs(count: number): number {
  return full ? count : Math.max(Math.min(count, 20), Math.ceil(count / 5))
}

/** Step size for visiting the offsets of an input: all of them, or every seventh in `npm test`. */
export const stride: number = full ? 1 : 7
