/**
 * The STDOUT side of a reply (FastCGI 1.0 sections 3.3, 5.5, 6.2): bytes into records. No IO.
 *
 * A small reply is one Latin-1 string: head, body, end of stream and END_REQUEST go out in one write.
 */
import type { Server } from '../../env/server.js'
import { headerLength, headerText, maxAligned, paddingFor, RecordType, writeHeader } from './record.js'
import { endRequestText, ProtocolStatus } from './responder.js'

const paddings = ['', '\0', '\0\0', '\0\0\0', '\0\0\0\0', '\0\0\0\0\0', '\0\0\0\0\0\0', '\0\0\0\0\0\0\0']

/** One record of a stream from Latin-1 text of at most {@link maxAligned} bytes; '' for no text, never an empty record. */
export function streamText(type: number, id: number, text: string): string {
  const length = text.length
  if (length === 0) return ''
  const padding = paddingFor(length)
  return headerText(type, id, length, padding) + text + paddings[padding]
}

const ends = new Map<number, string>()

/**
 * FastCGI 1.0 section 6.1: the empty STDOUT record; 5.5: END_REQUEST. Cached, because the same few ids recur.
 */
export function endText(id: number, appStatus = 0): string {
  if (appStatus !== 0) return makeEnd(id, appStatus)
  let text = ends.get(id)
  if (text === undefined) {
    text = makeEnd(id, 0)
    if (ends.size < 256) ends.set(id, text)
  }
  return text
}

const makeEnd = (id: number, appStatus: number): string =>
  headerText(RecordType.STDOUT, id, 0, 0) + endRequestText(id, appStatus, ProtocolStatus.REQUEST_COMPLETE)

/** The end of an FCGI_STDERR stream that was used, of STDOUT, and of the request. */
export const endTextWithStderr = (id: number, appStatus: number): string =>
  headerText(RecordType.STDERR, id, 0, 0) + endText(id, appStatus)

/**
 * The end of a broken reply, before the connection is closed: nginx aborts at a record that only servers
 * send, Caddy at a record that is cut off in its header; HAProxy would wait for the rest of it.
 */
export function abortText(id: number, { needsTornRecord }: Server): string {
  const abort = headerText(RecordType.ABORT_REQUEST, id, 0, 0)
  return needsTornRecord ? `${abort}\x01` : abort
}

/** Text of any length and any characters (sent as UTF-8) as STDERR records. */
export function stderrText(id: number, text: string): string {
  const bytes = Buffer.from(text, 'utf8').toString('latin1')
  let records = ''
  for (let at = 0; at < bytes.length; at += maxAligned)
    records += streamText(RecordType.STDERR, id, bytes.slice(at, at + maxAligned))
  return records
}

/**
 * Large content as records without copying it: headers and padding come from one small buffer.
 * @param write gets header, content and padding in turn.
 */
export function writeRecords(id: number, bytes: Uint8Array, write: (piece: Uint8Array) => void): void {
  const full = Math.floor(bytes.length / maxAligned)
  // All full records have the same header, and no padding.
  const frames = new Uint8Array(2 * headerLength + 8)
  if (full > 0) {
    writeHeader(frames, 0, RecordType.STDOUT, id, maxAligned, 0)
    const header = frames.subarray(0, headerLength)
    for (let i = 0; i < full; i++) {
      write(header)
      write(bytes.subarray(i * maxAligned, (i + 1) * maxAligned))
    }
  }
  const rest = bytes.length - full * maxAligned
  if (rest === 0) return
  const padding = paddingFor(rest)
  writeHeader(frames, headerLength, RecordType.STDOUT, id, rest, padding)
  write(frames.subarray(headerLength, 2 * headerLength))
  write(full === 0 ? bytes : bytes.subarray(full * maxAligned))
  if (padding > 0) write(frames.subarray(2 * headerLength, 2 * headerLength + padding))
}
