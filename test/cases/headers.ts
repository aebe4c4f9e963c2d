import type { Case, Expectation } from './case.js'

const sees = (headers: Record<string, string>): Expectation => ({ json: { headers } })

export const headerCases: readonly Case[] = [
  {
    name: 'request headers arrive in lower case',
    clause: 'RFC 3875 4.1.18',
    app: 'see',
    request: { headers: ['X-Custom-Thing: Some Value', 'ACCEPT: text/html'] },
    expect: sees({ 'x-custom-thing': 'Some Value', accept: 'text/html' }),
  },
  {
    name: 'a header without value',
    clause: 'RFC 9110 5.5',
    app: 'see',
    request: { headers: ['X-Empty:'] },
    expect: sees({ 'x-empty': '' }),
  },
  {
    name: 'repeated request headers are joined',
    clause: 'RFC 3875 4.1.18',
    app: 'see',
    request: { headers: ['X-Many: a', 'X-Many: b, c'] },
    expect: sees({ 'x-many': 'a, b, c' }),
  },
  {
    name: 'repeated cookies are joined with a semicolon',
    clause: 'RFC 9113 8.2.3',
    app: 'see',
    request: { headers: ['Cookie: a=1', 'Cookie: b=2'] },
    expect: sees({ cookie: 'a=1; b=2' }),
  },
  {
    name: 'Latin-1 in a request header',
    clause: 'RFC 9110 5.5 (obs-text)',
    app: 'see',
    request: { headers: ['X-Latin: caf\xe9'] },
    expect: sees({ 'x-latin': 'caf\xe9' }),
  },
  {
    name: 'UTF-8 bytes in a request header arrive as Latin-1 characters',
    clause: 'RFC 9110 5.5 (obs-text)',
    app: 'see',
    request: { headers: ['X-Utf: caf\xc3\xa9'] },
    expect: sees({ 'x-utf': 'caf\xc3\xa9' }),
  },
  {
    name: 'a request header of 8000 bytes',
    clause: 'RFC 9110 5.4',
    app: 'see',
    request: { headers: [`X-Long: ${'x'.repeat(8000)}`] },
    expect: sees({ 'x-long': 'x'.repeat(8000) }),
  },
  {
    name: 'Authorization reaches the app if the server passes it',
    clause: 'RFC 3875 4.1.18',
    app: 'see',
    request: { headers: ['Authorization: Basic dXNlcjpwYXNz'] },
    expect: sees({ authorization: 'Basic dXNlcjpwYXNz' }),
  },
  {
    name: 'Proxy never reaches the app',
    clause: 'CVE-2016-5385 (httpoxy)',
    app: 'env',
    request: { headers: ['Proxy: http://evil.example'], target: '/?HTTP_PROXY' },
    expect: { body: '[null]' },
  },
  {
    name: 'Content-Type without parameters is kept as it is',
    clause: 'RFC 3875 4.1.3',
    app: 'see',
    request: { method: 'POST', body: 'x', headers: ['Content-Type: text/x-odd'] },
    expect: sees({ 'content-type': 'text/x-odd', 'content-length': '1' }),
  },
  {
    name: 'no body: neither Content-Length nor Content-Type',
    clause: 'RFC 3875 4.1.2, 4.1.3',
    app: 'env',
    request: { target: '/?CONTENT_LENGTH,CONTENT_TYPE,HTTP_CONTENT_LENGTH' },
    expect: { body: '[null,null,null]' },
  },
  {
    name: 'Set-Cookie fields are not joined',
    clause: 'RFC 6265 3',
    app: 'cookies',
    expect: {
      headers: {
        'set-cookie': ['a=1; Path=/', 'b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'c="x, y"'],
      },
    },
  },
  {
    name: 'repeated response headers all arrive',
    clause: 'RFC 9110 5.3',
    app: 'repeated',
    expect: { headers: { vary: /^Accept, ?Cookie$/ } },
  },
  {
    name: 'Latin-1 in a response header',
    clause: 'RFC 9110 5.5 (obs-text)',
    app: 'latin1',
    expect: { headers: { 'x-latin': 'caf\xe9' } },
  },
  {
    name: 'a response header of 3000 bytes',
    clause: 'RFC 9110 5.4',
    app: 'longHeader',
    expect: { headers: { 'x-long': 'x'.repeat(3000) } },
  },
  {
    name: 'fields about the connection are not passed on',
    clause: 'RFC 3875 6.3.4',
    app: 'hop',
    expect: { headers: { 'keep-alive': null, upgrade: null, 'x-kept': 'yes' } },
  },
  {
    name: 'Transfer-Encoding of the app does not frame the body twice',
    clause: 'RFC 3875 6.3.4; SPEC 4 no. 15',
    app: 'chunkedSaid',
    expect: { body: 'one two' },
  },
  {
    name: 'the content type of a Request is the one sent',
    clause: 'RFC 3875 4.1.3',
    app: 'echo',
    request: { method: 'POST', body: '{}', headers: ['Content-Type: application/json; charset=utf-8'] },
    expect: { headers: { 'content-type': 'application/json; charset=utf-8' }, body: '{}' },
  },
]
