/** Where the bytes of a reply go. */
export interface Sink {
  /** Writes at once what can be written without waiting. @returns how many bytes were taken */
  now(bytes: Uint8Array): number
  /** Resolves when the sink wants more. @throws ReaderGone when nobody reads any more */
  send(bytes: Uint8Array): Promise<void>
}

/** The web server closed the connection before the reply was complete; the reply is not wanted any more. */
export class ReaderGone extends Error {}
