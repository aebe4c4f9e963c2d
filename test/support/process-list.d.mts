export interface ProcessInfo {
  readonly pid: number
  readonly parent: number
  readonly group: number
  /** 0 where the system does not tell; the same for the next three. */
  readonly session: number
  /** Device number of the controlling terminal; 0 without one. */
  readonly terminal: number
  /** Clock ticks between boot and its start: with the pid, this names one process for good. */
  readonly started: string
  /** `Z` is a zombie: ended, but not waited for. */
  readonly state: string
  /** Command line, words joined by spaces. */
  readonly command: string
  /** Working directory. */
  readonly cwd: string
}

export declare function processes(): ProcessInfo[]
export declare function readProcess(pid: number): ProcessInfo | undefined
export declare function withDescendants(
  all: readonly ProcessInfo[],
  isRoot: (one: ProcessInfo) => boolean,
): ProcessInfo[]
