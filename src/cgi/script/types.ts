/** A script and the options of its run. */
import type { HeaderList, Reply } from '../../core/exchange.js'
import type { LimitOptions } from '../../core/limits/limit.js'
import type { scriptLimits } from '../../core/limits/scripts.js'

/** Which script, and its position in the URL space. */
export interface Script {
  /** Absolute path of the file. */
  readonly file: string
  /** Program and arguments that run the file; without it the file is executed directly. */
  readonly interpreter?: readonly string[]
  /** The interpreter finds the file in SCRIPT_FILENAME and does not get it as an argument (php-cgi). */
  readonly fileFromEnv?: boolean
  /** Decoded path of the script in the URL, `''` or `/…`; a byte string, as all values below. */
  readonly scriptName: string
  /** Decoded rest of the path; `''` when there is none. */
  readonly pathInfo: string
  /** File path that PATH_INFO refers to; absent if there is none. */
  readonly pathTranslated?: string
  readonly documentRoot?: string
}

export interface ScriptOptions extends LimitOptions<typeof scriptLimits> {
  /** Extra variables for the script; those of the request take precedence. */
  readonly env?: Readonly<Record<string, string>>
  /**
   * Names of variables inherited from this process. Default: PATH, LD_LIBRARY_PATH, DYLD_LIBRARY_PATH, TZ,
   * SystemRoot.
   */
  readonly inherit?: readonly string[]
  /** Passes HTTP_AUTHORIZATION to the script, which contains passwords (RFC 3875 4.1.18). Default false. */
  readonly passAuthorization?: boolean
  /** Prefix of each line of the script's standard error. Default `[name of the file] `. */
  readonly stderrPrefix?: string
  /** Answers a local redirect (RFC 3875 6.2.2). Without it such a reply is an error, 502. */
  readonly localRedirect?: (location: string, headers: HeaderList) => Reply | Promise<Reply>
}
