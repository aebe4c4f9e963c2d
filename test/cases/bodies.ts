import { createHash } from 'node:crypto'
import type { Case } from './case.js'

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
const mebibyte = Buffer.alloc(1 << 20, 'request body 0123456789\n')
const sum = (body: Uint8Array | string) => ({
  length: Buffer.byteLength(body),
  sha256: createHash('sha256').update(body).digest('hex'),
})

export const bodyCases: readonly Case[] = [
  {
    name: 'no body',
    clause: 'RFC 3875 4.2',
    app: 'sum',
    expect: (style) => ({ json: { ...sum(''), ...(style === 'fetch' && { has: false }) } }),
  },
  {
    name: 'an empty body',
    clause: 'RFC 3875 4.1.2',
    app: 'sum',
    request: { method: 'POST', body: '' },
    expect: { json: sum('') },
  },
  {
    name: 'a small body',
    clause: 'RFC 3875 4.2',
    app: 'text',
    request: { method: 'POST', body: 'grüße' },
    expect: { body: 'grüße' },
  },
  {
    name: 'a body with every byte',
    clause: 'RFC 3875 4.2',
    app: 'sum',
    request: { method: 'PUT', body: everyByte },
    expect: { json: sum(everyByte) },
  },
  {
    name: 'a body of 1 MiB',
    clause: 'RFC 3875 4.2',
    app: 'sum',
    request: { method: 'POST', body: mebibyte },
    expect: { json: sum(mebibyte) },
  },
  {
    name: 'a body without a length is read to its end',
    clause: 'SERVERS 3: Apache passes chunked uploads so',
    app: 'text',
    request: { method: 'POST', pieces: ['one ', 'two ', 'three'] },
    expect: { body: 'one two three' },
  },
  {
    name: '1 MiB without a length',
    clause: 'SERVERS 3: Apache passes chunked uploads so',
    app: 'sum',
    request: { method: 'POST', pieces: [mebibyte.subarray(0, 300_000), mebibyte.subarray(300_000)] },
    expect: { json: sum(mebibyte) },
  },
  {
    name: 'a DELETE with a body',
    clause: 'RFC 9110 9.3.5',
    app: 'text',
    request: { method: 'DELETE', body: 'what' },
    expect: { body: 'what' },
  },
  {
    name: 'a GET with a body',
    clause: 'RFC 9110 9.3.1',
    app: 'text',
    request: { method: 'GET', body: 'odd, but sent' },
    expect: { body: 'odd, but sent' },
  },
  {
    name: 'an urlencoded form',
    clause: 'URL standard 5',
    app: 'form',
    request: {
      method: 'POST',
      headers: ['Content-Type: application/x-www-form-urlencoded'],
      body: 'name=J%C3%BCrgen+M&empty=',
    },
    expect: { json: { name: 'Jürgen M', empty: '' } },
  },
  {
    name: 'a body of 1 MiB is echoed unchanged, both directions at once',
    clause: 'SPEC 4 no. 9: deadlock when both are large',
    app: 'echo',
    request: { method: 'POST', body: mebibyte },
    expect: { body: mebibyte },
  },
  {
    name: 'a body that the app does not read',
    clause: 'SERVERS 2.4: mod_cgid resets when stdin is left unread',
    app: 'ignore',
    request: { method: 'POST', body: mebibyte },
    expect: { body: 'not read' },
  },
  {
    name: 'a body without a length that the app does not read',
    clause: 'SERVERS 2.4',
    app: 'ignore',
    request: { method: 'POST', pieces: [mebibyte, 'end'] },
    expect: { body: 'not read' },
  },
  {
    name: 'an early refusal of a large body arrives',
    clause: 'SERVERS 5: early replies',
    app: 'early',
    request: { method: 'POST', body: mebibyte },
    expect: { status: 413, body: 'too large for me' },
  },
]
