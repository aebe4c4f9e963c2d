/** A process that ends in the middle of its replies, as seen through real servers. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type Form, forms, type Started, startForm } from '../daemon/forms.js'
import { needs, which } from '../support/needs.js'
import { freePort } from '../support/ports.js'
import { until } from '../support/processes.js'
import { request, send } from '../support/request.js'
import { type ServerProcess, startServer } from '../support/server-process.js'
import { tempDir } from '../support/temp.js'

/** `/part` never continues and `/wait` never answers; the others end the process. */
const app = `async (request) => {
  const { pathname } = new URL(request.url)
  console.error('begun ' + pathname)
  if (pathname === '/exit') process.exit(1)
  if (pathname === '/throw') setImmediate(() => { throw new Error('nobody catches this') })
  if (pathname !== '/part') return new Promise(() => {})
  return new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(20_000).fill(120)) }))
}`

const nginx = (port: number, run: string, pass: string) => `
daemon off;
${process.getuid?.() === 0 ? 'user www-data;' : ''}
pid ${run}/nginx.pid;
error_log ${run}/error.log;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path ${run}/body;
  fastcgi_temp_path ${run}/fastcgi;
  proxy_temp_path ${run}/proxy;
  scgi_temp_path ${run}/scgi;
  uwsgi_temp_path ${run}/uwsgi;
  upstream kept { server unix:${pass} max_fails=0; keepalive 4; }
  server {
    listen 127.0.0.1:${port};
    fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param REQUEST_URI $uri;
    fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;
    fastcgi_param SERVER_PROTOCOL $server_protocol;
    proxy_http_version 1.1;
    location / {
      fastcgi_pass unix:${pass};
    }
    location /unbuffered/ {
      rewrite ^/unbuffered(/.*) $1 break;
      fastcgi_buffering off;
      fastcgi_pass unix:${pass};
    }
    location /kept/ {
      rewrite ^/kept(/.*) $1 break;
      fastcgi_keep_conn on;
      fastcgi_pass kept;
    }
    location /http/ { proxy_pass http://unix:${pass}:/; }
  }
}
`

const caddy = (port: number, pass: string) => `{
  admin off
  auto_https off
}
http://localhost:${port}, http://127.0.0.1:${port} {
  reverse_proxy unix/${pass} {
    flush_interval -1
    transport fastcgi {
      root /srv
    }
  }
}
`

let front: ServerProcess | undefined
afterEach(async () => void (await front?.stop()))

type Server = (server: Started) => Promise<number>

const startNginx: Server = async ({ place }) => {
  const [port, run] = [await freePort(), tempDir('nginx')]
  const file = join(run, 'nginx.conf')
  writeFileSync(file, nginx(port, run, place))
  front = await startServer(which('nginx') ?? '', ['-c', file, '-e', `${run}/error.log`], {
    listens: { port },
  })
  return port
}

const startCaddy: Server = async ({ place }) => {
  const [port, run] = [await freePort(), tempDir('caddy')]
  const file = join(run, 'Caddyfile')
  writeFileSync(file, caddy(port, place))
  const env = { PATH: process.env.PATH, HOME: run }
  front = await startServer(which('caddy') ?? '', ['run', '--adapter', 'caddyfile', '--config', file], {
    listens: { port },
    env,
  })
  return port
}

/** A reply that has begun when another request ends the process. */
async function cutReply(form: Form, start: Server, mount: string, end: string) {
  const server = await startForm(form, app, { options: { socketMode: 0o666 } })
  const port = await start(server)
  const begun = (path: string) => until(() => server.output().includes(`begun ${path}`))
  const part = await send({ port }, { target: `${mount}/part` })
  const waiting = request({ port }, { target: `${mount}/wait` })
  expect(await begun('/part')).toBe(true)
  expect(await begun('/wait')).toBe(true)
  const ending = await request({ port }, { target: `${mount}${end}` })
  const cut = await part.reply().catch((error: Error) => error)
  return { cut, waiting: await waiting, ending, log: server.output() }
}

const ends = ['/exit', '/throw'] as const
const broken = ({ cut }: Awaited<ReturnType<typeof cutReply>>) =>
  cut instanceof Error || !cut.complete || cut.status >= 500

describe.skipIf(!needs('nginx'))('nginx', () => {
  describe.each(ends)('%s', (end) => {
    it.each([
      ['FastCGI, connections not kept', forms.fastcgi, ''],
      ['FastCGI, not buffered', forms.fastcgi, '/unbuffered'],
      ['FastCGI, connections kept', forms.fastcgi, '/kept'],
      ['HTTP/1.1', forms.http, '/http'],
    ] as const)('%s', async (_, form, mount) => {
      const found = await cutReply(form, startNginx, mount, end)
      expect(broken(found), JSON.stringify(found)).toBe(true)
      for (const reply of [found.waiting, found.ending])
        expect(reply).toMatchObject({ status: 500, complete: true, text: '500 Internal Server Error\n' })
      expect(found.log).toContain('GET /part: the reply was cut off: the process ended')
    })
  })
})

describe.skipIf(!needs('caddy'))('Caddy', () => {
  // Version 2.6 ends a reply of unknown length as if it were complete.
  it.each(ends)('FastCGI, %s: its log says that the reply is not whole', async (end) => {
    const found = await cutReply(forms.fastcgi, startCaddy, '', end)
    const logged = () => front?.output().includes('aborting with incomplete response')
    expect(await until(() => logged() || broken(found)), front?.output()).toBe(true)
    for (const reply of [found.waiting, found.ending])
      expect(reply).toMatchObject({ status: 500, text: '500 Internal Server Error\n' })
  })
})
