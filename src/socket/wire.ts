/** A connection as FastCGI and SCGI see it: input, output, its end. */
import type { Socket } from 'node:net'

/** Handles the events of a connection. */
export interface WireOwner {
  /** @param own the chunk may be kept; else it is valid only until this returns */
  data(chunk: Buffer, own: boolean): void
  /**
   * How many bytes the next read should hold so that its memory can be passed on whole: a body chunk and the
   * header after it. 0 if unknown or not wanted.
   */
  readonly ahead: number
  /** The peer sends no more: it has closed, or the connection is broken. May be called twice. */
  gone(): void
  /** The connection is closed on this side too. Called once, never from within a call by the owner. */
  closed(): void
}

/** An object that can be sent to another process: Node's own object behind a net.Socket. */
export interface SocketHandle {
  readStop(): number
  close(): void
}

/** Hands a connection over. From now on, bytes from the peer wait in the kernel for the other process. */
export type HandOver = (handle: SocketHandle, done: () => void) => void

/** Bytes that may wait to be written before a source should pause. */
export const highWater = 65536

export interface Wire {
  /** The connection is closed; no more events follow. */
  readonly destroyed: boolean
  /** Neither closed nor about to be. */
  readonly writable: boolean
  /** Bytes that the kernel has not accepted yet. */
  readonly queued: number
  readonly paused: boolean
  /** A number that changes whenever the kernel accepts some of the queued bytes. */
  readonly taken: number
  /** Descriptor of the socket, if known. */
  readonly fd: number | undefined
  /** Address of the peer; undefined on a Unix socket. */
  readonly remoteAddress: string | undefined
  readonly remoteFamily: string | undefined
  /** Starts reading, but only the first bytes, to find out the protocol. */
  probe(owner: WireOwner): void
  /** Starts reading, or continues with another owner. */
  open(owner: WireOwner): void
  pause(): void
  resume(): void
  /** Writes Latin-1 text. Has no effect if the connection is not writable. */
  text(text: string): void
  /**
   * Writes bytes at once, without copying. Has no effect if the connection is not writable.
   *
   * @param done called when the bytes are not used any more
   */
  bytes(pieces: readonly Uint8Array[], done?: () => void): void
  /**
   * Calls back once the kernel has accepted everything, possibly immediately, or when the connection is
   * closed.
   */
  whenWritten(then: () => void): void
  /** Half-closes: tells the peer that nothing follows what was written. Input is still read. */
  end(): void
  /** Closes the connection; pending output is lost. */
  destroy(): void
  /** Closes the connection once everything is written. */
  destroySoon(): void
  /** Closes the connection so that the peer sees an error, if this type of socket allows it. */
  reset(): void
  /**
   * For a process that ends: writes Latin-1 text synchronously after all pending output. False if the peer
   * does not read it in time.
   *
   * @param deadline `Date.now()` until which the peer is waited for
   */
  lastText(text: string, deadline: number): boolean
  /** Stops reading and hands the connection over. False if that is impossible; then nothing has changed. */
  handOver(to: HandOver): boolean
  /** Turns the connection into a net.Socket for another owner. @param first what was already read */
  toSocket(first: Buffer | null): Socket
}
