/** The states of a script's run: what its reply has come to, whether all it wrote is there, and its process group. */
import type { Transitions } from '../../core/states.js'

export type RunState = 'head' | 'body' | 'unwanted' | 'stopped'

/**
 * - `head`: the head is whole
 * - `discard`: no more of the output is wanted
 * - `stop`: the run has failed, or is not wanted any more
 */
export type RunEvent = 'head' | 'discard' | 'stop'

export const runStates: Transitions<RunState, RunEvent> = {
  // The head is awaited. It may end with the output.
  head: { head: 'body', discard: 'unwanted', stop: 'stopped' },
  // The output goes to the client.
  body: { discard: 'unwanted', stop: 'stopped' },
  // The output goes nowhere; the script may go on to its end.
  unwanted: { stop: 'stopped' },
  // The script is stopped. What has already come may still be read.
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
 * - `nobody`: there was nobody to get it
 * - `kill`: the grace is over, the group got SIGKILL
 * - `exited`: the script has ended, others of its group have not
 * - `emptied`: the script has ended, and nobody is left
 * - `closed`: the script has ended, and its output is closed
 */
export type GroupEvent = 'stop' | 'nobody' | 'kill' | 'exited' | 'emptied' | 'closed'

export const groupStates: Transitions<GroupState, GroupEvent> = {
  running: { stop: 'stopping', nobody: 'killed', exited: 'left', emptied: 'ended' },
  // It has its grace.
  stopping: { kill: 'killed', exited: 'finishing', emptied: 'ended' },
  // Its end is only to be noticed.
  killed: { exited: 'ended', emptied: 'ended' },
  // What the script left behind may still write.
  left: { stop: 'finishing', nobody: 'ended', closed: 'daemon' },
  // What the script left behind may outlive us.
  daemon: { stop: 'finishing', nobody: 'ended' },
  // What the script left behind has its grace.
  finishing: { kill: 'ended' },
  ended: {},
}
