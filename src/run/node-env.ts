/**
 * NODE_ENV for apps: without it, Express and others run in development mode and show their stacks to every
 * client.
 */

/**
 * Sets NODE_ENV to `production` if it is unset, in a process that only serves a gateway. CGIUP_NODE_ENV=keep
 * disables this.
 *
 * @param development the caller's option: true disables this too
 * @returns whether it was set now
 */
export function defaultToProduction(development?: boolean): boolean {
  const { env } = process
  if (env.NODE_ENV || development === true || env.CGIUP_NODE_ENV === 'keep') return false
  env.NODE_ENV = 'production'
  return true
}

/** Warns when `run()` was given its server in code: modules loaded earlier have already read NODE_ENV. */
export function sayLate(server: string): void {
  // The primary has already reported it.
  if (process.env.CGIUP_WORKER !== undefined) return
  process.stderr.write(
    `cgiup: run() as ${server} has set NODE_ENV=production. Frameworks that read it earlier (Express does at express()) ` +
      'are still in development mode: set NODE_ENV=production where this process is started (or CGIUP_NODE_ENV=keep, ' +
      'and run() does not set it).\n',
  )
}
