/** The states of a script's run: its reply, its output, and its process group. */
import type { Transitions } from '../../core/states.js'

export type RunState = 'head' | 'body' | 'unwanted' | 'stopped'

/**
 * - `head`: the head is complete
 * - `discard`: the rest of the output is not needed
 * - `stop`: the run has failed, or is not needed any more
 */
export type RunEvent = 'head' | 'discard' | 'stop'

export const runStates: Transitions<RunState, RunEvent> = {
  // Waiting for the head. The output may end with it.
  head: { head: 'body', discard: 'unwanted', stop: 'stopped' },
  // The output goes to the client.
  body: { discard: 'unwanted', stop: 'stopped' },
  // The output is discarded; the script may run to its end.
  unwanted: { stop: 'stopped' },
  // The script is stopped. Output received earlier may still be read.
  stopped: { head: 'stopped', discard: 'stopped', stop: 'stopped' },
}

export type OutputState = 'running' | 'lingering' | 'closed'

/**
 * - `exited`: the script has ended
 * - `closed`: no process has its output open any more
 */
export type OutputEvent = 'exited' | 'closed'

export const outputStates: Transitions<OutputState, OutputEvent> = {
  running: { exited: 'lingering' },
  // Another process that the script left behind may still write.
  lingering: { closed: 'closed' },
  closed: {},
}

export type GroupState = 'running' | 'stopping' | 'killed' | 'left' | 'daemon' | 'finishing' | 'ended'

/**
 * - `stop`: the group got SIGTERM
 * - `nobody`: the group had no members left
 * - `kill`: the grace period is over, the group got SIGKILL
 * - `exited`: the script has ended, others of its group have not
 * - `emptied`: the script has ended, and the group has no members left
 * - `closed`: the script has ended, and its output is closed
 */
export type GroupEvent = 'stop' | 'nobody' | 'kill' | 'exited' | 'emptied' | 'closed'

export const groupStates: Transitions<GroupState, GroupEvent> = {
  running: { stop: 'stopping', nobody: 'killed', exited: 'left', emptied: 'ended' },
  // The grace period is running.
  stopping: { kill: 'killed', exited: 'finishing', emptied: 'ended' },
  // The group got SIGKILL; only its end is awaited.
  killed: { exited: 'ended', emptied: 'ended' },
  // Processes that the script left behind may still write.
  left: { stop: 'finishing', nobody: 'ended', closed: 'daemon' },
  // Processes that the script left behind may outlive us.
  daemon: { stop: 'finishing', nobody: 'ended' },
  // Processes that the script left behind have the grace period to end.
  finishing: { kill: 'ended' },
  ended: {},
}
