/**
 * NODE_ENV for apps: without it Express and others are in development and show their stacks to strangers.
 */

/**
 * Sets NODE_ENV to `production` where it is not set: in a process whose whole purpose is one gateway.
 * CGIUP_NODE_ENV=keep leaves it alone.
 *
 * @param development what the caller said: true leaves it alone, too
 * @returns whether it was set now
 */
export function defaultToProduction(development?: boolean): boolean {
  const { env } = process
  if (env.NODE_ENV || development === true || env.CGIUP_NODE_ENV === 'keep') return false
  env.NODE_ENV = 'production'
  return true
}

/** For `run()` with a server that was named in code: what read NODE_ENV before it did so too early. */
export function sayLate(server: string): void {
  // A worker's primary has said it.
  if (process.env.CGIUP_WORKER !== undefined) return
  process.stderr.write(
    `cgiup: run() as ${server} has set NODE_ENV=production. Frameworks that read it earlier (Express does at express()) ` +
      'are still in development mode: set NODE_ENV=production where this process is started (or CGIUP_NODE_ENV=keep, ' +
      'and run() does not set it).\n',
  )
}
