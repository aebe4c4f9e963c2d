import type { Case } from './case.js'

/** The client must learn nothing about a failure. */
const page = {
  status: 500,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: /^500 Internal Server Error\n/,
}

export const failureCases: readonly Case[] = [
  {
    name: 'an app that throws',
    clause: 'RFC 3875 6.1',
    app: 'throws',
    expect: { ...page, stderr: /RangeError: thrown on purpose\n\s+at / },
  },
  {
    name: 'an app that rejects',
    clause: 'RFC 3875 6.1',
    app: 'rejects',
    expect: { ...page, stderr: /RangeError: rejected on purpose/ },
  },
  {
    name: 'an app that throws something other than an Error',
    clause: 'RFC 3875 6.1',
    app: 'throwsText',
    expect: { ...page, stderr: /a string/ },
  },
  {
    name: 'an error page as JSON for clients that accept JSON',
    clause: 'RFC 9110 12.5.1',
    app: 'throws',
    request: { headers: ['Accept: application/json'] },
    expect: {
      status: 500,
      headers: { 'content-type': 'application/json; charset=utf-8' },
      json: { error: { status: 500 } },
    },
  },
  {
    name: 'an error page as HTML for browsers, without the error',
    clause: 'RFC 9110 12.5.1',
    app: 'throws',
    request: { headers: ['Accept: text/html,*/*;q=0.8'] },
    expect: {
      status: 500,
      headers: { 'content-type': 'text/html; charset=utf-8' },
      body: /^(?![\s\S]*on purpose)<!DOCTYPE html>/,
    },
  },
  {
    name: 'HEAD of an app that throws',
    clause: 'RFC 3875 4.3.3',
    app: 'throws',
    request: { method: 'HEAD' },
    expect: { status: 500, body: '' },
  },
  {
    name: 'an app that throws before the body has arrived',
    clause: 'SERVERS 2.4',
    app: 'throws',
    request: { method: 'POST', body: Buffer.alloc(300_000) },
    expect: page,
  },
  {
    name: 'a line break in a header value is refused',
    clause: 'SPEC 4 no. 14: response splitting',
    app: 'badHeader',
    expect: { ...page, headers: { 'set-cookie': null, 'x-bad': null }, stderr: /header/i },
  },
  {
    name: "a status outside of HTTP's range",
    clause: 'RFC 3875 6.3.3',
    app: 'badStatus',
    expect: { ...page, stderr: /99/ },
  },
  {
    name: 'an app that does not answer',
    clause: 'RFC 3875 6.1',
    app: 'nothing',
    expect: page,
  },
  {
    name: 'a body that fails is cut off, not ended',
    clause: 'SPEC 4 no. 44',
    app: 'breaks',
    expect: { body: /^begun/, cut: true, stderr: /broke in the middle/ },
  },
  {
    name: 'a body shorter than its Content-Length is cut off',
    clause: 'SPEC 4 no. 17',
    app: 'tooShort',
    expect: { body: /^abc/, cut: true },
  },
]
