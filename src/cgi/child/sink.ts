/** Where the bytes of a reply go. */
export interface Sink {
  /** Writes as much as possible without waiting. @returns how many bytes were accepted */
  now(bytes: Uint8Array): number
  /** Resolves when the sink accepts more. @throws ReaderGone if the reader has closed the connection */
  send(bytes: Uint8Array): Promise<void>
}

/** The web server closed the connection before the reply was complete, so it no longer wants the reply. */
export class ReaderGone extends Error {}
