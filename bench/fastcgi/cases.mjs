// The cases: each compares cgiup with a base that does the same work. Goals are ratios of CPU microseconds
// per request of the responder.
import { EVENTS } from './apps.mjs'

const http = (app) => ({ name: 'node:http', server: 'http', app, style: 'node' })
const fetchApp = (app, goal) => ({ name: 'cgiup fetch', server: 'cgiup', app, style: 'fetch', goal })
const nodeApp = (app, goal) => ({ name: 'cgiup node', server: 'cgiup', app, style: 'node', goal })
const mpx16 = { requests: 64_000, pipeline: 16 }

export const cases = [
  {
    name: 'hello, kept connections',
    load: { requests: 40_000 },
    base: http('hello'),
    ours: [
      { name: 'cgiup handler', server: 'cgiup', app: 'hello', style: 'handler' },
      fetchApp('hello', 0.75),
      nodeApp('hello', 0.9),
      { name: 'node-fastcgi', server: 'node-fastcgi', app: 'hello', style: 'node' },
    ],
  },
  {
    name: 'hello, 16 requests multiplexed',
    load: { requests: 40_000 },
    base: http('hello'),
    ours: [
      { ...fetchApp('hello', 0.3), load: mpx16 },
      { ...nodeApp('hello'), load: mpx16 },
    ],
  },
  {
    name: 'hello, connections not kept',
    load: { requests: 8000, keep: false },
    base: http('hello'),
    ours: [
      fetchApp('hello', 0.85),
      nodeApp('hello'),
      { ...fetchApp('hello'), name: 'cgiup fetch, SCGI', protocol: 'scgi' },
    ],
  },
  {
    name: 'Hono',
    load: { requests: 40_000 },
    base: { name: '@hono/node-server', server: 'hono-node-server', app: 'hono' },
    ours: [{ name: 'cgiup Hono', server: 'cgiup', app: 'hono', goal: 0.95 }],
  },
  {
    name: 'Express',
    load: { requests: 12_000 },
    base: { name: 'Express on node:http', server: 'http', app: 'express' },
    ours: [{ name: 'cgiup Express', server: 'cgiup', app: 'express', goal: 1 }],
  },
  {
    name: '1 KB of JSON, 10 headers',
    load: { requests: 16_000 },
    base: http('json'),
    ours: [fetchApp('json'), nodeApp('json')],
  },
  {
    name: 'echo of 1 KB',
    load: { requests: 16_000, body: 1024 },
    base: http('echo'),
    ours: [fetchApp('echo'), nodeApp('echo')],
  },
  {
    name: 'download of 1 MB',
    load: { requests: 3000 },
    base: http('download'),
    ours: [fetchApp('download', 1), nodeApp('download', 1)],
  },
  {
    name: 'upload of 10 MB',
    load: { requests: 200, body: 10 << 20, connections: 2 },
    base: http('upload'),
    ours: [fetchApp('upload', 1), nodeApp('upload', 1)],
  },
  {
    name: `200 event streams, each event`,
    load: { requests: 600, connections: 200, keep: false },
    parts: EVENTS,
    base: http('sse'),
    ours: [fetchApp('sse', 0.7), nodeApp('sse', 0.7)],
  },
]
