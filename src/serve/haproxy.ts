/** What HAProxy 2.6 needs of a FastCGI application that no other server does. */
import type { Env } from '../core/exchange.js'

/**
 * HAProxy 2.6 makes a 302 of every Status that stands before a Location field, and crashes at
 * FCGI_STDERR records.
 */
export const isHaproxy = (env: Env): boolean => env.get('SERVER_SOFTWARE')?.startsWith('HAProxy ') === true
