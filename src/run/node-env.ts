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
