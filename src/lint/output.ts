/**
 * Parses the output of a CGI script and reports everything that violates RFC 3875 or fails on real web
 * servers. The head parser stops at the first mistake; this continues. No IO.
 */

import { type Finding, findingsOf } from './finding.js'
import { outputRules } from './output-rules.js'
import type { HeadLine, OutputSubject, Subject } from './output-subject.js'

/** All findings, in the order of the lines; those about the whole output last. */
export function lintOutput(run: OutputSubject): Finding[] {
  const place = (finding: Finding) => finding.line ?? Number.POSITIVE_INFINITY
  const found = findingsOf(outputRules, read(run))
  return found.sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)))
}

/** The head of an output, line by line, to show it with its findings. */
export function headLines(output: Uint8Array): readonly HeadLine[] {
  return read({ method: 'GET', output }).lines
}

function read(run: OutputSubject): Subject {
  const bytes = Buffer.from(run.output.buffer, run.output.byteOffset, run.output.byteLength)
  const lines: HeadLine[] = []
  let from = 0
  let complete = false
  while (!complete && from < bytes.length) {
    const end = bytes.indexOf(10, from)
    const text = bytes.toString('latin1', from, end < 0 ? bytes.length : end).replace(/\r$/, '')
    from = end < 0 ? bytes.length : end + 1
    if (text === '' && end >= 0) complete = true
    else lines.push(line(text, lines.length + 1))
  }
  const fields = (name: string) => lines.filter((one) => one.name?.toLowerCase() === name)
  // RFC 3875 6.3: a field without a value counts as not sent.
  const field = (name: string) => fields(name)[0]?.value || undefined
  const digits = /^\d{3}(?!\d)/.exec(field('status') ?? '')?.[0]
  const status = digits ? Number(digits) : field('location') ? 302 : 200
  return { ...run, lines, field, fields, status, complete, headBytes: from, body: bytes.subarray(from) }
}

function line(text: string, number: number): HeadLine {
  const colon = text.indexOf(':')
  const name = colon > 0 ? text.slice(0, colon) : null
  return { number, text, name, value: colon > 0 ? text.slice(colon + 1).trim() : '' }
}
