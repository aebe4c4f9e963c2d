/**
 * A streamed body that pushes its pieces, where the adapter can take it so: {@link Reply.body} as an
 * AsyncIterable costs some promises for each piece, which is more than a small piece itself.
 */

/** The method by which a body is set flowing, once, in place of its iterator. */
export const flow: unique symbol = Symbol.for('cgiup.flow') as never

/** Where the pieces go. What comes after the end of the request is dropped. */
export interface FlowSink {
  /** @param piece text goes out as UTF-8 @returns false when the source should wait for `ready()` */
  write(piece: Uint8Array | string): boolean
  /** The body is whole. */
  end(): void
  /** The body breaks off. */
  fail(error: unknown): void
}

/** What a sink tells its source. */
export interface FlowSource {
  /** More may be written, after `write()` returned false. */
  ready(): void
  /** No more is wanted. */
  cancel(): void
}

export interface Flowing {
  [flow](sink: FlowSink): FlowSource
}

export const isFlowing = (body: object): body is Flowing => flow in body
