/** A script and the options of its run. */
import type { HeaderList, Reply } from '../../core/exchange.js'
import type { SpoolLimits } from './input.js'
import type { StderrLimits } from './stderr.js'

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

export interface ScriptOptions extends SpoolLimits, StderrLimits {
  /** Variables for the script besides those of the request, which win over them. */
  readonly env?: Readonly<Record<string, string>>
  /**
   * Names of our own variables that are passed on. Default: PATH, LD_LIBRARY_PATH, DYLD_LIBRARY_PATH,
   * TZ, SystemRoot.
   */
  readonly inherit?: readonly string[]
  /** Gives the script HTTP_AUTHORIZATION, which holds passwords (RFC 3875 4.1.18). Default false. */
  readonly passAuthorization?: boolean
  /**
   * From the start, or the last piece of the request body the script took, to the end of its head, in
   * milliseconds; then 504. Default 60000; 0 for none.
   */
  readonly headTimeoutMs?: number
  /**
   * Longest silence within the body, in milliseconds; then the reply is cut. Also how long a script may go
   * on whose reply has no body (HEAD). Default 60000; 0 for none.
   */
  readonly idleTimeoutMs?: number
  /** Longest run of the script, in milliseconds; then 504, or the reply is cut. Default 0: none. */
  readonly totalTimeoutMs?: number
  /**
   * How long nobody may take the script's output, in milliseconds, when it waits to get rid of more; then it is
   * stopped. 0: no limit. Default: the `sendTimeoutMs` of the connection, which ends the script as well; under
   * cgiup/test 120000; under CGI none, as the web server has one.
   */
  readonly sendTimeoutMs?: number
  /** From SIGTERM to SIGKILL when a script is stopped, in milliseconds. Default 3000. */
  readonly killGraceMs?: number
  /**
   * A script that has ended but left its output open in another process: how long nothing may come
   * before that is taken for the end, in milliseconds. Default 2000.
   */
  readonly lingerMs?: number
  /** Largest head of a script's output, in bytes; beyond it 502. Default 65536. */
  readonly maxHeadBytes?: number
  /** What stands before each line of the script's standard error. Default `[name of the file] `. */
  readonly stderrPrefix?: string
  /** Answers a local redirect (RFC 3875 6.2.2). Without it such a reply is an error, 502. */
  readonly localRedirect?: (location: string, headers: HeaderList) => Reply | Promise<Reply>
}
