/** The access log: one line per request. */
import { visible } from '../cgi/script/stderr.js'
import type { AccessEntry } from '../http/server/server.js'

export interface AccessLogOptions {
  /** Receives each line. Default: writes to `process.stderr`. */
  readonly write?: (line: string) => void
  /** Use colours. Default: only when stderr is a terminal and NO_COLOR is not set. */
  readonly color?: boolean
  /**
   * `short`: `12:30:01 127.0.0.1 GET /path 200 1.2 kB 12 ms`, with `CUT` when the client got only part of the
   * reply. `combined`: Apache's log format, for log analyzers. Default `short`.
   */
  readonly format?: 'short' | 'combined'
}

/** Makes a function for the `log` option of the HTTP server. */
export function accessLog(options: AccessLogOptions = {}): (entry: AccessEntry) => void {
  const write = options.write ?? ((line: string) => void process.stderr.write(line))
  if (options.format === 'combined') return (entry) => write(`${combined(entry, new Date())}\n`)
  const color = options.color ?? (process.stderr.isTTY === true && !process.env.NO_COLOR)
  return (entry) => write(`${short(entry, new Date(), color)}\n`)
}

export function short(entry: AccessEntry, now: Date, color: boolean): string {
  const paint = (code: number, text: string) => (color ? `\x1b[${code}m${text}\x1b[0m` : text)
  const time = now.toTimeString().slice(0, 8)
  const status = paint(entry.status >= 500 ? 31 : entry.status >= 400 ? 33 : 32, String(entry.status))
  const cut = entry.cut ? ` ${paint(31, 'CUT')}` : ''
  const request = `${visible(entry.method)} ${visible(entry.target)}`
  const from = entry.remoteAddress || 'unix'
  return `${paint(2, time)} ${from} ${request} ${status} ${size(entry.bytes)} ${duration(entry.ms)}${cut}`
}

/** Apache's combined format; the duration is not in it. */
function combined(entry: AccessEntry, now: Date): string {
  const quoted = (text: string | undefined) => `"${visible(text ?? '-').replace(/["\\](?!x)/g, '\\$&')}"`
  const request = `${entry.method} ${entry.target} HTTP/${entry.httpVersion}`
  const bytes = entry.bytes === 0 ? '-' : entry.bytes
  const line = `${entry.remoteAddress || '-'} - - [${apacheTime(now)}] ${quoted(request)} ${entry.status} ${bytes}`
  return `${line} ${quoted(entry.referer)} ${quoted(entry.userAgent)}`
}

/** `10/Oct/2000:13:55:36 +0000` */
function apacheTime(now: Date): string {
  const [, day, month, year, time] = /^\w+, (\d+) (\w+) (\d+) (\S+)/.exec(now.toUTCString()) ?? []
  return `${day}/${month}/${year}:${time} +0000`
}

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}

function duration(ms: number): string {
  return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
