/**
 * Requests to fetch apps, with the expected results. Plain JavaScript: it runs with the platform's classes in
 * the test process, and with the light ones in another process (fetch-light.mjs).
 */
import { h3, hono, plain } from './fetch-apps.mjs'

const json = { 'content-type': 'application/json' }
const urlencoded = { 'content-type': 'application/x-www-form-urlencoded' }
const multipart = { 'content-type': 'multipart/form-data; boundary=b' }
const parts =
  '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name="f"; filename="n.txt"\r\nContent-Type: text/x\r\n\r\nfile\r\n--b--\r\n'

const text = (body, more = {}) => ({ status: 200, body, ...more })

/** [app, target, request, expected reply] */
export const cases = [
  [
    hono,
    '/text',
    {},
    { status: 201, body: 'héllo', headers: { 'x-a': '1', 'content-type': 'text/plain; charset=UTF-8' } },
  ],
  [hono, '/json', {}, text('{"a":[1,"é"]}', { headers: { 'content-type': 'application/json' } })],
  [hono, '/html', {}, text('<p>é</p>', { headers: { 'content-type': 'text/html; charset=UTF-8' } })],
  [hono, '/body', {}, text('hi', { headers: { 'content-type': 'application/x' } })],
  [hono, '/nothing', {}, { status: 204, body: '' }],
  [hono, '/redirect', {}, { status: 303, headers: { location: '/there?a' } }],
  [hono, '/throws', {}, { status: 418, body: 'teapot' }],
  [hono, '/throws-response', {}, { status: 401, body: 'no', headers: { 'x-r': '1' } }],
  [hono, '/none', {}, { status: 404, body: '404 Not Found' }],
  [
    hono,
    '/cookies',
    { headers: { cookie: 'c=3; bad=x.y' } },
    text('[{"c":"3","bad":"x.y"},null]', { cookies: 4 }),
  ],
  [hono, '/user', { env: { REMOTE_USER: 'jürgen' } }, text('jürgen localhost')],
  [hono, '/wait', {}, text('now', { waited: 1 })],
  [
    hono,
    '/params/a%20b?q=1&m=2&m=3',
    {},
    text('["a b","1",["2","3"],"/params/a b","http://localhost/params/a%20b?q=1&m=2&m=3"]'),
  ],
  [hono, '/headers', { headers: { 'x-one': 'é', cookie: 'a=1', 'x-two': '2' } }, text('["Ã©","a=1","2"]')],
  [hono, '/json', { method: 'POST', headers: json, body: '{"a":1}' }, text('{"got":{"a":1}}')],
  [hono, '/twice', { method: 'POST', headers: json, body: '[1]' }, text('["[1]",[1]]')],
  [hono, '/bytes', { method: 'POST', body: 'bytes' }, text('bytes')],
  [
    hono,
    '/form',
    { method: 'POST', headers: urlencoded, body: 'a=1&a=2&b=%C3%BC' },
    text('{"a":["1","2"],"b":"ü"}'),
  ],
  [
    hono,
    '/form',
    { method: 'POST', headers: multipart, body: parts },
    text('{"a":"1","f":["n.txt","text/x","file"]}'),
  ],
  [hono, '/valid', { method: 'POST', headers: json, body: '{"n":1}' }, text('{"n":1}')],
  [hono, '/valid', { method: 'POST', headers: json, body: '{"n":"x"}' }, { status: 400, body: 'invalid' }],
  [hono, '/valid', { method: 'POST', headers: json, body: '{' }, { status: 400 }],
  [hono, '/limit', { method: 'POST', body: '12345' }, text('12345')],
  [hono, '/limit', { method: 'POST', body: '123456' }, { status: 413 }],
  [hono, '/limit', { method: 'POST', body: '123456', chunked: true }, { status: 413 }],
  [hono, '/limit', { method: 'POST', body: '123', chunked: true }, text('123')],
  [hono, '/echo', { method: 'POST', body: 'echo' }, text('echo')],
  [hono, '/stream', {}, text('abc')],
  [hono, '/stream-text', {}, text('x\ny\nz\n')],
  [
    hono,
    '/sse',
    {},
    text('event: e\ndata: one\ndata: two\nid: 1\n\ndata: three\n\n', {
      headers: { 'content-type': 'text/event-stream' },
    }),
  ],
  [
    hono,
    '/cors/x',
    { method: 'OPTIONS', headers: { origin: 'http://o.example', 'access-control-request-method': 'PUT' } },
    { status: 204, headers: { 'access-control-allow-origin': 'http://o.example' } },
  ],
  [
    hono,
    '/cors/x',
    { headers: { origin: 'http://o.example' } },
    text('x', { headers: { 'access-control-allow-credentials': 'true' } }),
  ],
  [
    hono,
    '/etag/x',
    {},
    text('the same', { headers: { etag: '"ed73e2db9ee3dcc5c9ae3ee62b6b0b9dbb0bd4cb"' }, loose: ['etag'] }),
  ],
  [hono, '/etag/x', { headers: { 'if-none-match': '*' } }, { status: 304, body: '' }],
  [
    hono,
    '/compress/x',
    { headers: { 'accept-encoding': 'gzip' } },
    text('long enough to compress '.repeat(20), { headers: { 'content-encoding': 'gzip' } }),
  ],
  [hono, '/auth/x', {}, { status: 401, headers: { 'www-authenticate': 'Basic realm="Secure Area"' } }],
  [hono, '/auth/x', { headers: { authorization: 'Basic dTpw' } }, text('in')],
  [
    hono,
    '/mw/x?pretty',
    {},
    text('{\n  "id": "id"\n}', {
      headers: { 'x-powered-by': 'Hono', 'x-request-id': 'id', 'x-frame-options': 'SAMEORIGIN' },
    }),
  ],
  [
    hono,
    '/csrf/x',
    { method: 'POST', headers: { ...urlencoded, origin: 'http://evil.example' }, body: 'a=1' },
    { status: 403 },
  ],
  [
    hono,
    '/csrf/x',
    { method: 'POST', headers: { ...urlencoded, origin: 'http://localhost' }, body: 'a=1' },
    text('ok'),
  ],
  [hono, '/override/x', { method: 'POST', headers: urlencoded, body: '_method=DELETE' }, text('deleted')],
  [hono, '/after/x', {}, text('<inner>', { cookies: 2, headers: { 'x-after': 'yes' } })],
  [hono, '/mounted/y', { method: 'POST', body: 'b' }, text('POST /y b')],
  [hono, '/mounted/y', {}, text('GET /y ')],
  [hono, '/method', { method: 'PATCH' }, text('PATCH')],
  [hono, '/method', { method: 'TRACE' }, text('TRACE')],
  [hono, '/method', { method: 'PROPFIND' }, text('PROPFIND')],
  [hono, '/text', { method: 'HEAD' }, { status: 201 }],
  [hono, '/clone', {}, text('[true,true,true,true]')],
  [hono, '/signal', {}, text('[true,false]')],
  [hono, '/sub/base/x', {}, text('/sub/base/x')],
  [h3, '/text', {}, text('text')],
  [h3, '/json?a=1', {}, text('{"path":"/json","query":{"a":"1"}}', { spaces: true })],
  [h3, '/response', {}, { status: 202, body: 'made', cookies: 2 }],
  [h3, '/html', {}, text('<p>x</p>', { headers: { 'content-type': 'text/html; charset=utf-8' } })],
  [h3, '/redirect', {}, { status: 301, headers: { location: '/there' } }],
  [h3, '/null', {}, text('')],
  [h3, '/throws', {}, { status: 409 }],
  [h3, '/none', {}, { status: 404 }],
  [h3, '/cookies', { headers: { cookie: 'c=3' } }, text('3', { cookies: 2 })],
  [
    h3,
    '/body',
    { method: 'POST', headers: json, body: '{"a":1}' },
    text('{"got":{"a":1}}', { spaces: true }),
  ],
  [
    h3,
    '/body',
    { method: 'POST', headers: urlencoded, body: 'a=1' },
    text('{"got":{"a":"1"}}', { spaces: true }),
  ],
  [h3, '/raw', { method: 'POST', body: 'raw' }, text('raw')],
  [
    h3,
    '/form',
    {
      method: 'POST',
      headers: multipart,
      body: parts.replace(/; filename="n.txt"\r\nContent-Type: text\/x/, ''),
    },
    text('{"a":"1","f":"file"}', { spaces: true }),
  ],
  [h3, '/stream', {}, text('xy')],
  [h3, '/sse', {}, text('data: one\n\nevent: e\ndata: two\n\n')],
  [h3, '/ip', { env: { REMOTE_ADDR: '192.0.2.7' } }, text('192.0.2.7')],
  [h3, '/wait', {}, text('now', { waited: 1 })],
  [h3, '/mw/x', {}, text('in', { headers: { 'x-mw': '1' } })],
  [
    h3,
    '/cors',
    { method: 'OPTIONS', headers: { origin: 'http://o', 'access-control-request-method': 'PUT' } },
    { status: 204, headers: { 'access-control-allow-origin': '*' } },
  ],
  [
    plain,
    '/context',
    {},
    text('[["exchange","mount","passThroughOnException","props","url","waitUntil"],"string"]'),
  ],
  [plain, '/get-body', { method: 'GET', body: 'body' }, text('GET:body')],
  [plain, '/get-body', { method: 'POST', body: '' }, text('POST:')],
  [plain, '/redirect', {}, { status: 307, headers: { location: 'http://a.example/x' } }],
  [plain, '/blob', {}, text('blob', { headers: { 'content-type': 'text/x' } })],
  [plain, '/generator', {}, text('ab')],
  [plain, '/form-data', {}, text('1')],
  [plain, '/json-twice', { method: 'POST', headers: json, body: '{"a":1}' }, text('[{"a":1},{"a":1},true]')],
  [plain, '/wrap', {}, { status: 201, body: 'inner', headers: { 'x-i': '1' } }],
  [plain, '/url', { target: '/url' }, text('http://localhost/url')],
  [plain, '/method', { method: 'CONNECT' }, text('CONNECT')],
  [plain, '/method', { method: 'track' }, text('track')],
  [plain, '/method', { method: 'M-SEARCH' }, text('M-SEARCH')],
  [plain, '/globals', {}, { status: 203, body: 'platform', headers: { 'x-g': '1' } }],
  [plain, '/x', {}, { status: 404, reason: 'Nowhere', body: 'not found' }],
]

const names = new Map([
  [hono, 'Hono'],
  [h3, 'h3'],
  [plain, 'plain'],
])

export const nameOf = ([app, target, { method = 'GET', chunked }]) =>
  `${names.get(app)} ${method} ${target}${chunked ? ' chunked' : ''}`
