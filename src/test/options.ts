/** The options of `emulate()`. */
import type { AppOptions } from '../app/types.js'
import type { AdapterOptions } from '../memory/memory.js'

export interface EmulateOptions extends AdapterOptions {
  /** Program and arguments that run the file. Default: the file itself, or cgiup for an app file. */
  interpreter?: readonly string[]
  /** Variables of the machine (not of the request) that the script gets, besides PATH and TZ. */
  inherit?: readonly string[]
  /** Pass the Authorization header on, as with CGIPassAuth of Apache. Default true. */
  passAuthorization?: boolean
  /** Longest run of one request, in milliseconds. Default 30000. */
  timeoutMs?: number
  /** The error page shows stack and environment; a script gets NODE_ENV=development. Default true. */
  development?: boolean
  /** An app in this process: how it sees the request. */
  url?: AppOptions['url']
  /** An app in this process: which variables tell the path. */
  target?: AppOptions['target']
}
