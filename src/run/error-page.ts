/** The error page as the `onError` of an adapter. */
import { showsDevelopment } from '../core/development.js'
import { onDemand } from '../core/load-ahead.js'
import type { RunOptions } from './options.js'

const errorPages = onDemand(() => import('../pages/error-page.js'))

/**
 * The `onError` of an adapter; a CGI script loads the page only when an error occurs.
 *
 * @param option the caller's `development` option; who may see the page is decided for each request
 */
export function errorPage(option: boolean | undefined): NonNullable<RunOptions['onError']> {
  return async (error, exchange) => {
    const { errorReply } = await errorPages()
    return errorReply(error, exchange, { development: showsDevelopment(exchange, option) })
  }
}
