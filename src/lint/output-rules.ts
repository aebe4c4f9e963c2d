/** What {@link lintOutput} looks for: one row per rule. Tests run a script of bad output against each row. */
import type { LintRule, Seen } from './finding.js'
import type { HeadLine, Subject } from './output-subject.js'

const cgiFields = ['content-type', 'location', 'status']
const connectionFields = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Rules about single lines only apply to output that has any. */
const parsed = (subject: Subject) => !subject.nph && subject.lines.length > 0
const each = (lines: readonly HeadLine[], seen: (line: HeadLine) => string | false): Seen[] =>
  lines.flatMap((line) => {
    const text = seen(line)
    return text === false ? [] : [{ line: line.number, seen: text }]
  })
const when = (condition: boolean, seen: string): Seen[] => (condition ? [{ seen }] : [])
const quote = (text: string) => JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text)

export const outputRules: readonly LintRule<Subject>[] = [
  {
    code: 'empty',
    level: 'error',
    clause: 'RFC 3875 6.1',
    fix: 'Print a head (Content-Type: ...), an empty line and a body. The reason may be on stderr.',
    check: (s) => when(s.output.length === 0, 'The script wrote nothing.'),
  },
  {
    code: 'bom',
    level: 'error',
    clause: 'RFC 3875 6.3',
    fix: 'Save the script as UTF-8 without a byte order mark.',
    check: (s) =>
      s.lines[0]?.text.startsWith('\xef\xbb\xbf')
        ? [{ line: 1, seen: 'There is a byte order mark before the first field.' }]
        : [],
  },
  {
    code: 'nph-unasked',
    level: 'error',
    clause: 'RFC 3875 5.1',
    fix: 'Write "Status: 200 OK" instead, or give the script a name that begins with nph-.',
    check: (s) =>
      !s.nph && /^HTTP\/\d/.test(s.lines[0]?.text ?? '')
        ? [{ line: 1, seen: 'The head begins with an HTTP status line, but this is not an nph- script.' }]
        : [],
  },
  {
    code: 'nph-head',
    level: 'error',
    clause: 'RFC 3875 5.2',
    fix: 'Begin with a status line such as "HTTP/1.1 200 OK": the server passes the output on unmodified.',
    check: (s) =>
      s.nph && !/^HTTP\/\d\.\d \d{3}( |$)/.test(s.lines[0]?.text ?? '')
        ? [{ line: 1, seen: 'An nph- script has to write a complete HTTP response.' }]
        : [],
  },
  {
    code: 'no-head',
    level: 'error',
    clause: 'RFC 3875 6.2',
    fix: 'Print the header fields first: Content-Type: text/plain, then an empty line, then the body.',
    check: (s) =>
      s.output.length > 0 && s.lines.length === 0
        ? [{ seen: 'The output begins with an empty line: there is no head.' }]
        : [],
  },
  {
    code: 'head-open',
    level: 'error',
    clause: 'RFC 3875 6.2',
    fix: 'Print an empty line after the last header field.',
    check: (s) => when(s.lines.length > 0 && !s.complete, 'No empty line ends the head.'),
  },
  {
    code: 'not-a-field',
    level: 'error',
    clause: 'RFC 3875 6.3',
    fix: 'Write "Name: value". Print messages of the program to stderr.',
    check: (s) => (parsed(s) ? each(s.lines, notAField) : []),
  },
  {
    code: 'folded',
    level: 'error',
    clause: 'RFC 3875 6.3',
    fix: 'Write each field on one line.',
    check: (s) =>
      parsed(s)
        ? each(s.lines, ({ text }) => /^[ \t]/.test(text) && 'The line continues the one before it.')
        : [],
  },
  {
    code: 'control',
    level: 'error',
    clause: 'RFC 9110 5.5',
    fix: 'Remove CR, NUL and other control characters; a line break in a value lets an attacker add fields.',
    check: (s) =>
      each(
        s.lines,
        ({ value }) => /[^\t\x20-\x7e\x80-\xff]/.test(value) && `A control character in ${quote(value)}.`,
      ),
  },
  {
    code: 'no-cgi-field',
    level: 'error',
    clause: 'RFC 3875 6.3',
    fix: 'Print Content-Type (or Location, or Status).',
    check: (s) =>
      when(
        parsed(s) && s.complete && cgiFields.every((name) => s.field(name) === undefined),
        'The head contains none of Content-Type, Location and Status.',
      ),
  },
  {
    code: 'repeated',
    level: 'error',
    clause: 'RFC 3875 6.3',
    fix: 'Print Content-Type, Location and Status once each.',
    check: (s) =>
      cgiFields.flatMap((name) => each(s.fields(name).slice(1), (line) => `${line.name} is repeated.`)),
  },
  {
    code: 'content-type-missing',
    level: 'error',
    clause: 'RFC 3875 6.3.1',
    fix: 'Print Content-Type: text/html; charset=utf-8, or the actual type of the body.',
    check: (s) =>
      when(
        parsed(s) && s.complete && s.body.length > 0 && s.field('content-type') === undefined,
        'The body has no Content-Type.',
      ),
  },
  {
    code: 'content-type-form',
    level: 'error',
    clause: 'RFC 3875 6.3.1',
    fix: 'Write type/subtype, such as text/plain; charset=utf-8.',
    check: (s) =>
      each(
        s.fields('content-type'),
        ({ value }) =>
          value !== '' &&
          !/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+\s*(;.*)?$/.test(value) &&
          `${quote(value)} is not a media type.`,
      ),
  },
  {
    code: 'charset',
    level: 'warning',
    clause: 'RFC 3875 6.3.1',
    fix: 'Add "; charset=utf-8".',
    check: (s) =>
      each(
        s.fields('content-type'),
        ({ value }) => /^text\//i.test(value) && !/charset=/i.test(value) && 'The text has no charset.',
      ),
  },
  {
    code: 'status-form',
    level: 'error',
    clause: 'RFC 3875 6.3.3',
    fix: 'Write three digits, a space and the reason: Status: 404 Not Found.',
    check: (s) =>
      each(
        s.fields('status'),
        ({ value }) => value !== '' && !/^[1-5]\d\d( |$)/.test(value) && `${quote(value)} is not a status.`,
      ),
  },
  {
    code: 'status-reason',
    level: 'warning',
    clause: 'RFC 3875 6.3.3',
    fix: 'Write the reason phrase too: Status: 404 Not Found.',
    check: (s) =>
      each(
        s.fields('status'),
        ({ value }) => /^[1-5]\d\d$/.test(value) && 'The status has no reason phrase.',
      ),
  },
  {
    code: 'status-interim',
    level: 'error',
    clause: 'RFC 9110 15.2',
    fix: 'Answer with a status from 200 to 599.',
    check: (s) =>
      each(
        s.fields('status'),
        ({ value }) => /^1\d\d( |$)/.test(value) && `${quote(value)} is not a final status.`,
      ),
  },
  {
    code: 'status-late',
    level: 'warning',
    clause: 'RFC 3875 8.2',
    fix: 'Print Content-Type, Location and Status before all other fields.',
    check: (s) =>
      parsed(s) ? each(s.lines, (line) => isLate(line, s) && `${line.name} comes after other fields.`) : [],
  },
  {
    code: 'location-form',
    level: 'error',
    clause: 'RFC 3875 6.3.2',
    fix: 'Write an absolute URL (https://...) for a client redirect, or a path that begins with a single "/" for a local redirect.',
    check: (s) => each(s.fields('location'), ({ value }) => wrongLocation(value)),
  },
  {
    code: 'local-redirect',
    level: 'error',
    clause: 'RFC 3875 6.2.2',
    fix: 'Print Location alone, or make it an absolute URL.',
    check: (s) => {
      // With a Status, every tested server redirects the client instead.
      if (!/^\/(?!\/)/.test(s.field('location') ?? '') || s.field('status')) return []
      const others = each(s.lines, (line) => isOther(line) && `${line.name} is sent with a local redirect.`)
      return [...others, ...when(s.body.length > 0, 'A local redirect has a body.')]
    },
  },
  {
    code: 'redirect-body',
    level: 'error',
    clause: 'RFC 3875 6.2.4',
    fix: 'Print Status: 302 Found and a Content-Type with the body, or no body.',
    check: (s) =>
      when(
        /^[a-z][\w+.-]*:/i.test(s.field('location') ?? '') &&
          s.body.length > 0 &&
          s.field('status') === undefined,
        'A redirect has a body, but no Status.',
      ),
  },
  {
    code: 'redirect-status',
    level: 'warning',
    clause: 'RFC 3875 6.2.4',
    fix: 'Use 301, 302, 303, 307 or 308; 201 may have a Location too.',
    check: (s) =>
      when(
        s.field('location') !== undefined && ![201, 202, 300, 301, 302, 303, 307, 308].includes(s.status),
        `Location with status ${s.status} does not redirect.`,
      ),
  },
  {
    code: 'redirect-without-location',
    level: 'warning',
    clause: 'RFC 9110 15.4',
    fix: 'Print Location with it.',
    check: (s) =>
      when(
        [301, 302, 303, 307, 308].includes(s.status) && s.field('location') === undefined,
        `Status ${s.status} has no Location.`,
      ),
  },
  {
    code: 'connection',
    level: 'error',
    clause: 'RFC 3875 6.3.4',
    fix: 'Leave it out: the web server manages the connection and frames the body itself.',
    check: (s) =>
      s.nph
        ? []
        : connectionFields.flatMap((name) =>
            each(s.fields(name), (line) => `${line.name} is a connection header.`),
          ),
  },
  {
    code: 'no-body-status',
    level: 'error',
    clause: 'RFC 9110 6.4.1',
    fix: 'Send no body with 204, 205 and 304.',
    check: (s) =>
      when(
        [204, 205, 304].includes(s.status) && s.body.length > 0,
        `The ${s.status} reply has a body of ${s.body.length} bytes.`,
      ),
  },
  {
    code: 'head-body',
    level: 'error',
    clause: 'RFC 3875 4.3.3',
    fix: 'Check REQUEST_METHOD and stop after the head; most servers drop the body for you.',
    check: (s) =>
      when(
        s.method === 'HEAD' && s.body.length > 0,
        `The reply to HEAD has a body of ${s.body.length} bytes.`,
      ),
  },
  {
    code: 'length',
    level: 'error',
    clause: 'RFC 9110 8.6',
    fix: 'Leave Content-Length out, or count bytes, not characters.',
    check: (s) =>
      each(s.fields('content-length'), ({ value }) => {
        if (!/^\d+$/.test(value)) return `${quote(value)} is not a length.`
        const empty = s.method === 'HEAD' || s.status === 304
        if (empty || Number(value) === s.body.length) return false
        return `Content-Length is ${value}, the body has ${s.body.length} bytes.`
      }),
  },
  {
    code: 'head-size',
    level: 'warning',
    clause: 'nginx fastcgi_buffer_size',
    fix: 'Keep the head below 4096 bytes: nginx answers 502 for more by default.',
    check: (s) => when(s.complete && s.headBytes > 4096, `The head has ${s.headBytes} bytes.`),
  },
  {
    code: 'line-size',
    level: 'error',
    clause: 'Apache HTTPD MAX_STRING_LEN',
    fix: 'Keep each line below 8190 bytes: Apache answers 500 for more.',
    check: (s) => each(s.lines, ({ text }) => text.length > 8190 && `The line has ${text.length} bytes.`),
  },
  {
    code: 'signal',
    level: 'error',
    clause: 'RFC 3875 3.4',
    fix: 'Read its stderr; the body may be cut off without the client noticing.',
    check: (s) => when(!!s.signal, `The script was killed by ${s.signal}.`),
  },
  {
    code: 'exit-code',
    level: 'warning',
    clause: 'CGI practice',
    fix: 'Exit with 0 after a complete reply; any other code counts as a failure.',
    check: (s) => when(!!s.exitCode, `The script exited with code ${s.exitCode}.`),
  },
]

function notAField({ name, text, number }: HeadLine): string | false {
  if (/^[ \t]/.test(text) || (number === 1 && /^HTTP\/\d/.test(text))) return false
  if (name === null) return `${quote(text)} is not a header field.`
  if (/[ \t]$/.test(name)) return `White space before the colon of ${quote(name)}.`
  const bare = name.replace(/^\xef\xbb\xbf/, '')
  return !token.test(bare) && `${quote(name)} is not a field name.`
}

function wrongLocation(value: string): string | false {
  if (value === '') return false
  if (value.startsWith('//'))
    return `${quote(value)} begins with "//": servers disagree about whether it is a path.`
  if (!/^(\/|[a-z][a-z0-9+.-]*:)/i.test(value))
    return `${quote(value)} is neither an absolute URL nor an absolute path.`
  if (value.startsWith('/') && value.includes('#')) return `${quote(value)} is a local path with a fragment.`
  const bad = /[^\x21-\x7e]|[<>"\\^`{|}]/.exec(value)
  return bad !== null && `${quote(bad[0])} must be percent-encoded in a URL.`
}

const isOther = ({ name }: HeadLine): boolean => name !== null && name.toLowerCase() !== 'location'

function isLate(line: HeadLine, { lines }: Subject): boolean {
  if (!cgiFields.includes(line.name?.toLowerCase() ?? '')) return false
  return lines.slice(0, line.number - 1).some(({ name }) => name && !cgiFields.includes(name.toLowerCase()))
}
