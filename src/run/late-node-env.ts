/** A rare warning about NODE_ENV, in a file of its own so that CGI scripts do not load it. */

/**
 * Warns when the server was chosen by an option of `run()`: modules loaded earlier have already read
 * NODE_ENV.
 */
export function sayLate(server: string): void {
  // The primary has already reported it.
  if (process.env.CGIUP_WORKER !== undefined) return
  process.stderr.write(
    `cgiup: run() as ${server} has set NODE_ENV=production. Frameworks that read it earlier (Express does at express()) ` +
      'are still in development mode: set NODE_ENV=production where this process is started (or set CGIUP_NODE_ENV=keep, ' +
      'so that run() leaves it alone).\n',
  )
}
