import { describe, expect, it } from 'vitest'
import { lintOutput } from '../../src/lint/output.js'
import { outputRules } from '../../src/lint/output-rules.js'
import type { OutputSubject } from '../../src/lint/output-subject.js'

type Run = Partial<Omit<OutputSubject, 'output'>> & { output: string | Uint8Array }

const ok = 'Content-Type: text/plain; charset=utf-8\n\nhello'

/** For each rule, outputs that violate it, and the line at which it is reported. */
const broken: Record<string, [run: Run | string, line: number | null][]> = {
  empty: [['', null]],
  bom: [[`\xef\xbb\xbf${ok}`, 1]],
  'nph-unasked': [[`HTTP/1.1 200 OK\n${ok}`, 1]],
  'nph-head': [[{ output: ok, nph: true }, 1]],
  'no-head': [
    ['\nhello', null],
    ['\r\nhello', null],
  ],
  'head-open': [
    ['Content-Type: text/plain; charset=utf-8\n', null],
    ['Content-Type: text/plain; charset=utf-8', null],
  ],
  'not-a-field': [
    [`starting up\n${ok}`, 1],
    [`Content-Type : text/plain; charset=utf-8\n\nhello`, 1],
    [`X Y: z\n${ok}`, 1],
    [`: z\n${ok}`, 1],
    ['<html><body>Hello</body></html>', 1],
  ],
  folded: [['Content-Type: text/plain; charset=utf-8\nX-A: b\n  c\n\nhello', 3]],
  control: [
    ['Content-Type: text/plain; charset=utf-8\nX-A: b\0c\n\nhello', 2],
    ['Content-Type: text/plain; charset=utf-8\nX-A: b\rSet-Cookie: c\n\nhello', 2],
  ],
  'no-cgi-field': [
    ['X-A: b\n\n', null],
    ['Content-Type:\n\n', null],
  ],
  repeated: [
    ['Status: 200 OK\nContent-Type: text/a; charset=x\ncontent-type: text/b; charset=x\n\nx', 3],
    ['Status: 200 OK\nStatus: 200 OK\nContent-Type: text/a; charset=x\n\nx', 2],
  ],
  'content-type-missing': [['Status: 200 OK\n\nhello', null]],
  'content-type-form': [['Content-Type: html\n\nhello', 1]],
  charset: [['Content-Type: text/html\n\nhello', 1]],
  'status-form': [
    ['Status: OK\n\n', 1],
    ['Status: 99 Low\n\n', 1],
    ['Status: 2000 OK\n\n', 1],
    ['Status: 999 High\n\n', 1],
    ['Status: HTTP/1.1 200 OK\n\n', 1],
  ],
  'status-reason': [['Status: 404\n\n', 1]],
  'status-interim': [['Status: 103 Early Hints\n\n', 1]],
  'status-late': [['Content-Type: text/plain; charset=x\nX-A: b\nStatus: 200 OK\n\nx', 3]],
  'location-form': [
    ['Status: 302 Found\nLocation: //example.org/\n\n', 2],
    ['Status: 302 Found\nLocation: relative/path\n\n', 2],
    ['Status: 302 Found\nLocation: https://example.org/a b\n\n', 2],
    ['Status: 302 Found\nLocation: https://example.org/\xfc\n\n', 2],
    ['Location: /local#fragment\n\n', 1],
  ],
  'local-redirect': [
    ['Location: /local\nSet-Cookie: a=b\n\n', 2],
    ['Location: /local\n\nhello', null],
  ],
  'redirect-body': [['Content-Type: text/plain; charset=x\nLocation: https://example.org/\n\nhello', null]],
  'redirect-status': [['Status: 200 OK\nLocation: https://example.org/\n\n', null]],
  'redirect-without-location': [['Status: 302 Found\n\n', null]],
  connection: [
    ['Content-Type: text/plain; charset=x\nConnection: close\n\nx', 2],
    ['Content-Type: text/plain; charset=x\nTransfer-Encoding: chunked\n\nx', 2],
    ['Content-Type: text/plain; charset=x\nkeep-alive: 5\n\nx', 2],
  ],
  'no-body-status': [
    ['Status: 204 No Content\n\nx', null],
    ['Status: 304 Not Modified\n\nx', null],
  ],
  'head-body': [[{ output: ok, method: 'HEAD' }, null]],
  length: [
    ['Content-Type: text/plain; charset=x\nContent-Length: 4\n\nhello', 2],
    ['Content-Type: text/plain; charset=x\nContent-Length: 6\n\nhello', 2],
    ['Content-Type: text/plain; charset=x\nContent-Length: five\n\nhello', 2],
    ['Content-Type: text/plain; charset=x\nContent-Length: 4\n\ngr\xc3\xbc\xc3\x9fe', 2],
  ],
  'head-size': [[`Content-Type: text/plain; charset=x\nX-A: ${'a'.repeat(4096)}\n\nx`, null]],
  'line-size': [[`Content-Type: text/plain; charset=x\nX-A: ${'a'.repeat(8200)}\n\nx`, 2]],
  signal: [[{ output: ok, signal: 'SIGSEGV', exitCode: null }, null]],
  'exit-code': [[{ output: ok, exitCode: 3 }, null]],
}

/** Valid outputs. */
const fine: [string, Run | string][] = [
  ['a document', ok],
  ['CRLF', ok.replaceAll('\n', '\r\n')],
  ['an empty body', 'Content-Type: text/plain; charset=utf-8\n\n'],
  ['a status without a body', 'Status: 204 No Content\n\n'],
  ['an image', 'Content-Type: image/png\n\n\x89PNG'],
  ['a client redirect', 'Location: https://example.org/x?y#z\n\n'],
  ['a client redirect with a status', 'Status: 301 Moved Permanently\nLocation: https://example.org/\n\n'],
  [
    'a client redirect with a page',
    'Status: 302 Found\nLocation: https://example.org/\nContent-Type: text/html; charset=utf-8\n\n<a>',
  ],
  ['a local redirect', 'Location: /other?x\n\n'],
  [
    '201 with a Location',
    'Status: 201 Created\nLocation: /things/1\nContent-Type: text/plain; charset=x\nX-A: b\n\nx',
  ],
  ['a right length', 'Content-Type: text/plain; charset=x\nContent-Length: 6\n\ngr\xc3\xbc\xc3\x9f'],
  [
    'the length of GET for HEAD',
    { output: 'Content-Type: text/plain; charset=x\nContent-Length: 6\n\n', method: 'HEAD' },
  ],
  ['an nph response', { output: 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello', nph: true }],
  ['names in any case', 'content-TYPE: text/plain; charset=utf-8\n\nhello'],
  ['an empty field', 'Content-Type: text/plain; charset=utf-8\nX-A:\n\nhello'],
]

const runOf = (run: Run | string): OutputSubject => {
  const facts = typeof run === 'string' ? { output: run } : run
  const { output } = facts
  return {
    method: 'GET',
    ...facts,
    output: typeof output === 'string' ? Buffer.from(output, 'latin1') : output,
  }
}

describe('lint', () => {
  it('covers each rule with an invalid output', () => {
    expect(Object.keys(broken).sort()).toEqual(outputRules.map(({ code }) => code).sort())
  })

  const rows = Object.entries(broken).flatMap(([code, runs]) =>
    runs.map(([run, line]) => [code, run, line] as const),
  )
  it.each(rows)('%s: %j', (code, run, line) => {
    const rule = outputRules.find((one) => one.code === code)
    const found = lintOutput(runOf(run)).filter(
      (finding) => finding.code === code && finding.fix === rule?.fix,
    )
    expect(found.map((finding) => finding.line)).toContain(line)
    expect(found[0]?.seen).toMatch(/\S\.$/)
    expect(found[0]?.level).toBe(rule?.level)
  })

  it.each(fine)('accepts %s', (_, run) => {
    expect(lintOutput(runOf(run))).toEqual([])
  })

  it('reports all mistakes, in the order of the lines', () => {
    const found = lintOutput(runOf('noise\nX-A: 1\nStatus: 20\nConnection: close\n\nbody'))
    expect(found.map(({ line }) => line)).toEqual([1, 3, 3, 4, null])
  })

  it('accepts any bytes', () => {
    for (let seed = 1; seed < 300; seed++) {
      let state = seed
      const bytes = Uint8Array.from({ length: seed }, () => {
        state = (state * 48271) % 2147483647
        return seed % 3 === 0 ? state % 256 : ':\n\r aS/1\0\xff'.charCodeAt(state % 10)
      })
      expect(Array.isArray(lintOutput({ method: 'GET', output: bytes }))).toBe(true)
    }
  })
})
