/** A connection as FastCGI and SCGI see it: bytes in, bytes out, its end. */
import type { Socket } from 'node:net'

/** Who looks after a connection. */
export interface WireOwner {
  /** @param own the chunk may be kept; else it is good only until this returns */
  data(chunk: Buffer, own: boolean): void
  /**
   * How many bytes of one piece come next, with what follows it and is not kept: they are read into memory
   * that can be given away. 0 when it is not known, or not wanted.
   */
  readonly ahead: number
  /** The peer sends no more: it has closed, or the connection is broken. May be called twice. */
  gone(): void
  /** The connection is closed on this side too. Told once, never from within a call of the owner's. */
  closed(): void
}

/** What sends a socket to another process takes: Node's own object behind a net.Socket. */
export interface SocketHandle {
  readStop(): number
  close(): void
}

/** Gives a connection away. What the peer sends from now on waits in the kernel for the other process. */
export type HandOver = (handle: SocketHandle, done: () => void) => void

/** Bytes that may wait to be written before a source should pause. */
export const highWater = 65536

export interface Wire {
  /** It is closed; nothing happens any more. */
  readonly destroyed: boolean
  /** Neither closed nor about to be. */
  readonly writable: boolean
  /** Bytes that the kernel has not taken yet. */
  readonly queued: number
  readonly paused: boolean
  /** A number that changes whenever the kernel takes something of what is queued. */
  readonly taken: number
  /** Descriptor of the socket, where it is known. */
  readonly fd: number | undefined
  /** Address of the peer; undefined on a Unix socket. */
  readonly remoteAddress: string | undefined
  readonly remoteFamily: string | undefined
  /** Begins to read for the first bytes only, of a protocol that is not known yet. */
  probe(owner: WireOwner): void
  /** Begins to read, or goes on with another owner. */
  open(owner: WireOwner): void
  pause(): void
  resume(): void
  /** Latin-1 text. Nothing happens when it is not writable. */
  text(text: string): void
  /**
   * Bytes in one write, not copied. Nothing is written when it is not writable.
   *
   * @param done called when nobody looks at them any more
   */
  bytes(pieces: readonly Uint8Array[], done?: () => void): void
  /** Calls back once the kernel has all that was written, which may be now, or when it is closed. */
  whenWritten(then: () => void): void
  /** Tells the peer that nothing more comes, behind what was written. It is still read. */
  end(): void
  /** Closes it; what waits is lost. */
  destroy(): void
  /** Closes it once all is written. */
  destroySoon(): void
  /** Closes it so that the peer sees it broken, where the kind of socket has a way to say so. */
  reset(): void
  /**
   * For a process that ends: Latin-1 text behind all that waits to be written, at once. False when the peer does
   * not take it in time.
   *
   * @param deadline `Date.now()` at which it is not waited for any longer
   */
  lastText(text: string, deadline: number): boolean
  /** Stops reading and gives the connection away. False where it cannot be done; nothing has happened then. */
  handOver(to: HandOver): boolean
  /** From now on it is a net.Socket of somebody else's. @param first what was read of it */
  toSocket(first: Buffer | null): Socket
}
