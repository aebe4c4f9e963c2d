import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Case } from './case.js'

/** In a directory that every user may write to: web servers run the app as another user. */
const note = join(tmpdir(), `cgiup-note-${randomUUID()}`)

export const environmentCases: readonly Case[] = [
  {
    name: 'variables of CGI reach the app',
    clause: 'RFC 3875 4.1',
    app: 'env',
    request: {
      method: 'GET',
      target: '/p%20q?REQUEST_METHOD,SERVER_PROTOCOL,QUERY_STRING,REQUEST_URI,PATH_INFO',
    },
    expect: {
      json: [
        'GET',
        'HTTP/1.1',
        'REQUEST_METHOD,SERVER_PROTOCOL,QUERY_STRING,REQUEST_URI,PATH_INFO',
        '/p%20q?REQUEST_METHOD,SERVER_PROTOCOL,QUERY_STRING,REQUEST_URI,PATH_INFO',
        '/p q',
      ],
    },
  },
  {
    name: 'the address of the client',
    clause: 'RFC 3875 4.1.8',
    app: 'see',
    expect: { json: { remote: '127.0.0.1' } },
  },
  {
    name: 'the user authenticated by the server',
    clause: 'RFC 3875 4.1.11',
    app: 'see',
    request: { env: { AUTH_TYPE: 'Basic', REMOTE_USER: 'jürgen' } },
    expect: { json: { user: 'jürgen' } },
  },
  {
    name: 'no user without authentication',
    clause: 'RFC 3875 4.1.11',
    app: 'see',
    expect: { json: { user: null } },
  },
  {
    name: 'variables of the web server (SSL_*, UNIQUE_ID)',
    clause: 'RFC 3875 4.1',
    app: 'env',
    request: { target: '/?SSL_PROTOCOL,UNIQUE_ID', env: { SSL_PROTOCOL: 'TLSv1.3', UNIQUE_ID: 'abc' } },
    expect: { json: ['TLSv1.3', 'abc'] },
  },
  {
    name: "the app's console output stays out of the reply",
    clause: 'SERVERS 2: console.log spoils the head',
    app: 'log',
    expect: { headers: { 'content-type': /^text\/plain/ }, body: 'clean', stderr: /from console\.error/ },
    not: {
      memory: 'the console is that of the test',
      'cgi output in memory': 'the console is that of the test',
    },
  },
  {
    name: 'diagnostics of a request',
    clause: 'DESIGN: Exchange.stderr',
    app: 'diagnose',
    expect: { body: 'x', stderr: /diagnosed\n/ },
  },
  {
    name: 'work after the reply is done',
    clause: 'DESIGN: Exchange.waitUntil',
    app: 'work',
    request: { headers: [`X-Note: ${note}`] },
    expect: { body: 'answered first', note: { file: note, text: 'work is done' } },
  },
  {
    name: 'the signal of a running request',
    clause: 'DESIGN: Exchange.signal',
    app: 'signal',
    expect: { json: { aborted: false } },
  },
  {
    name: 'the app sees the gateway',
    clause: 'DESIGN: Gateway',
    app: 'gateway',
    expect: { json: { role: 'responder' }, body: /"protocol":"(cgi|fastcgi|scgi|http|memory)"/ },
  },
]
