/** A script and the options of its run. */
import type { HeaderList, Reply } from '../../core/exchange.js'
import type { LimitOptions } from '../../core/limits/limit.js'
import type { scriptLimits } from '../../core/limits/scripts.js'

/** Which script, and where it is in the URL space. */
export interface Script {
  /** Absolute path of the file. */
  readonly file: string
  /** Program and arguments that run the file; without it the file is executed itself. */
  readonly interpreter?: readonly string[]
  /** The interpreter finds the file in SCRIPT_FILENAME and is not given it as an argument (php-cgi). */
  readonly fileFromEnv?: boolean
  /** Decoded path of the script in the URL, `''` or `/…`; a byte string, as all values below. */
  readonly scriptName: string
  /** Decoded rest of the path; `''` when there is none. */
  readonly pathInfo: string
  /** File path that PATH_INFO stands for; absent when there is none. */
  readonly pathTranslated?: string
  readonly documentRoot?: string
}

export interface ScriptOptions extends LimitOptions<typeof scriptLimits> {
  /** Variables for the script besides those of the request, which win over them. */
  readonly env?: Readonly<Record<string, string>>
  /**
   * Names of our own variables that are passed on. Default: PATH, LD_LIBRARY_PATH, DYLD_LIBRARY_PATH,
   * TZ, SystemRoot.
   */
  readonly inherit?: readonly string[]
  /** Gives the script HTTP_AUTHORIZATION, which holds passwords (RFC 3875 4.1.18). Default false. */
  readonly passAuthorization?: boolean
  /** What comes before each line of the script's standard error. Default `[name of the file] `. */
  readonly stderrPrefix?: string
  /** Answers a local redirect (RFC 3875 6.2.2). Without it such a reply is an error, 502. */
  readonly localRedirect?: (location: string, headers: HeaderList) => Reply | Promise<Reply>
}
