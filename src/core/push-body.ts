/**
 * A streamed body that pushes its chunks, for adapters that support it: reading {@link Reply.body} as an
 * AsyncIterable takes several promises per chunk, which costs more than a small chunk itself.
 */

/** The method that starts the flow of a body, called once, instead of its iterator. */
export const flow: unique symbol = Symbol.for('cgiup.flow') as never

/** Receives the chunks. Chunks after the end of the request are dropped. */
export interface FlowSink {
  /** @param piece text is sent as UTF-8 @returns false if the source should wait for `ready()` */
  write(piece: Uint8Array | string): boolean
  /** The body is complete. */
  end(): void
  /** The body failed before its end. */
  fail(error: unknown): void
}

/** How a sink controls its source. */
export interface FlowSource {
  /** More may be written, after `write()` returned false. */
  ready(): void
  /** The rest is not needed. */
  cancel(): void
}

export interface Flowing {
  [flow](sink: FlowSink): FlowSource
}

export const isFlowing = (body: object): body is Flowing => flow in body
