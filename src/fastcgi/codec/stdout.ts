/**
 * The STDOUT side of a reply (FastCGI 1.0 sections 3.3, 5.5, 6.2): bytes into records. No IO.
 *
 * A small reply is one Latin-1 string: head, body, end of stream and END_REQUEST leave in one write.
 */
import type { Server } from '../../env/server.js'
import { HEADER_LENGTH, headerText, MAX_ALIGNED, paddingFor, RecordType, writeHeader } from './record.js'
import { endRequestText, ProtocolStatus } from './responder.js'

const PADDING = ['', '\0', '\0\0', '\0\0\0', '\0\0\0\0', '\0\0\0\0\0', '\0\0\0\0\0\0', '\0\0\0\0\0\0\0']

/** One record of a stream from Latin-1 text of at most {@link MAX_ALIGNED} bytes; '' for no text, never an empty record. */
export const streamText = (type: number, id: number, text: string): string => {
  const length = text.length
  if (length === 0) return ''
  const padding = paddingFor(length)
  return headerText(type, id, length, padding) + text + PADDING[padding]
}

const ends = new Map<number, string>()

/** 6.1: the empty STDOUT record; 5.5: END_REQUEST. The same few ids come again and again. */
export const endText = (id: number, appStatus = 0): string => {
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

/** The end of a FCGI_STDERR stream that was used, and of STDOUT, and of the request. */
export const endTextWithStderr = (id: number, appStatus: number): string =>
  headerText(RecordType.STDERR, id, 0, 0) + endText(id, appStatus)

/**
 * The end of a reply that is no good, before the connection is closed: nginx breaks off at a record
 * that only servers send, Caddy at one that is cut off in its header, where HAProxy would wait.
 */
export const abortText = (id: number, { needsTornRecord }: Server): string => {
  const abort = headerText(RecordType.ABORT_REQUEST, id, 0, 0)
  return needsTornRecord ? `${abort}\x01` : abort
}

/** Text of any length and any characters (sent as UTF-8) as STDERR records. */
export const stderrText = (id: number, text: string): string => {
  const bytes = Buffer.from(text, 'utf8').toString('latin1')
  let records = ''
  for (let at = 0; at < bytes.length; at += MAX_ALIGNED)
    records += streamText(RecordType.STDERR, id, bytes.slice(at, at + MAX_ALIGNED))
  return records
}

/**
 * Large content as records without copying it: headers and padding come from one small buffer.
 * @param write gets header, content piece, padding, in turn.
 */
export const writeRecords = (id: number, bytes: Uint8Array, write: (piece: Uint8Array) => void): void => {
  const full = Math.floor(bytes.length / MAX_ALIGNED)
  // All full records have the same header, and no padding.
  const frames = new Uint8Array(2 * HEADER_LENGTH + 8)
  if (full > 0) {
    writeHeader(frames, 0, RecordType.STDOUT, id, MAX_ALIGNED, 0)
    const header = frames.subarray(0, HEADER_LENGTH)
    for (let i = 0; i < full; i++) {
      write(header)
      write(bytes.subarray(i * MAX_ALIGNED, (i + 1) * MAX_ALIGNED))
    }
  }
  const rest = bytes.length - full * MAX_ALIGNED
  if (rest === 0) return
  const padding = paddingFor(rest)
  writeHeader(frames, HEADER_LENGTH, RecordType.STDOUT, id, rest, padding)
  write(frames.subarray(HEADER_LENGTH, 2 * HEADER_LENGTH))
  write(full === 0 ? bytes : bytes.subarray(full * MAX_ALIGNED))
  if (padding > 0) write(frames.subarray(2 * HEADER_LENGTH, 2 * HEADER_LENGTH + padding))
}
