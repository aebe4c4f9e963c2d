import type { Case } from './case.js'

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
const mebibyte = Buffer.alloc(1 << 20, 'cgiup 0123456789\n')

export const replyCases: readonly Case[] = [
  {
    name: 'status, reason and type',
    clause: 'RFC 3875 6.3.3',
    app: 'hello',
    expect: { reason: 'OK', headers: { 'content-type': 'text/plain; charset=utf-8' }, body: 'hello' },
  },
  {
    name: 'a body in UTF-8',
    clause: 'RFC 3875 6.4',
    app: 'utf8',
    expect: { body: 'grüße, 日本\n' },
  },
  { name: 'a body with every byte', clause: 'RFC 3875 6.4', app: 'binary', expect: { body: everyByte } },
  { name: 'a body of 1 MiB', clause: 'RFC 3875 6.4', app: 'large', expect: { body: mebibyte } },
  {
    name: 'an empty body',
    clause: 'RFC 3875 6.2.1',
    app: 'empty',
    expect: { headers: { 'content-type': 'text/plain' }, body: '' },
  },
  {
    name: 'a status without a standard name',
    clause: 'RFC 9110 15',
    app: 'unknownStatus',
    expect: { status: 599, body: 'odd' },
  },
  {
    name: 'a registered status gets its reason',
    clause: 'RFC 3875 6.3.3',
    app: 'tooMany',
    expect: { status: 429, reason: 'Too Many Requests', body: 'later' },
  },
  {
    name: "the app's own reason",
    clause: 'RFC 9112 4',
    app: 'reason',
    expect: { reason: 'Quite Fine' },
  },
  {
    name: "the app's own Content-Length",
    clause: 'RFC 9110 8.6',
    app: 'length',
    expect: { headers: { 'content-length': '5' }, body: 'hello' },
  },
  { name: 'a streamed body', clause: 'RFC 3875 6.4', app: 'pieces', expect: { body: 'one two three' } },
  { name: 'a stream without chunks', clause: 'RFC 3875 6.4', app: 'emptyStream', expect: { body: '' } },
  {
    name: 'two hundred chunks stay in order',
    clause: 'RFC 3875 6.4',
    app: 'manyPieces',
    expect: { body: Array.from({ length: 200 }, (_, i) => `${i}\n`).join('') },
  },
  {
    name: 'server-sent events',
    clause: 'HTML standard 9.2',
    app: 'events',
    expect: { headers: { 'content-type': 'text/event-stream' }, body: 'data: 1\n\ndata: 2\n\n' },
  },
  {
    name: 'HEAD has the head of GET and no body',
    clause: 'RFC 3875 4.3.3',
    app: 'hello',
    request: { method: 'HEAD' },
    expect: { headers: { 'content-type': 'text/plain; charset=utf-8' }, body: '' },
  },
  {
    name: 'HEAD of a streamed body',
    clause: 'RFC 3875 4.3.3',
    app: 'pieces',
    request: { method: 'HEAD' },
    expect: { body: '' },
  },
  {
    name: 'HEAD of an endless body',
    clause: 'RFC 3875 4.3.3',
    app: 'streamNever',
    request: { method: 'HEAD' },
    expect: { body: '' },
  },
  {
    name: '204 has no body',
    clause: 'RFC 9110 15.3.5',
    app: 'noContent',
    expect: { status: 204, reason: 'No Content', headers: { 'content-type': null }, body: '' },
  },
  {
    name: '304 has no body and keeps its validators',
    clause: 'RFC 9110 15.4.5',
    app: 'notModified',
    request: { headers: ['If-None-Match: "v1"'] },
    expect: { status: 304, headers: { etag: '"v1"', 'content-type': null }, body: '' },
  },
  {
    name: '206 keeps its range',
    clause: 'RFC 9110 15.3.7',
    app: 'partial',
    request: { headers: ['Range: bytes=0-4'] },
    expect: { status: 206, headers: { 'content-range': 'bytes 0-4/10' }, body: 'hello' },
  },
  {
    name: '201 with Location is not a redirect',
    clause: 'RFC 9110 15.3.2',
    app: 'created',
    expect: { status: 201, headers: { location: '/things/1' } },
  },
  {
    name: 'a redirect to another site',
    clause: 'RFC 3875 6.2.3',
    app: 'found',
    expect: { status: 302, headers: { location: 'https://example.org/elsewhere?a=b#c' } },
  },
  {
    name: 'a redirect to a path is followed by the client',
    clause: 'RFC 3875 6.2.2: without Status it would be the server that follows',
    app: 'local',
    expect: { status: 303, headers: { location: '/local/path?q' } },
  },
  {
    name: 'a redirect with a page',
    clause: 'RFC 3875 6.2.4',
    app: 'moved',
    expect: { status: 301, headers: { location: '/new' }, body: '<a href="/new">new</a>' },
  },
  {
    name: '401 keeps its challenge',
    clause: 'RFC 9110 11.6.1',
    app: 'unauthorized',
    expect: { status: 401, headers: { 'www-authenticate': 'Basic realm="here"' }, body: 'who?' },
  },
]
