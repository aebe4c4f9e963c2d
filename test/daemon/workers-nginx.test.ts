/** nginx, which keeps connections to the workers: they survive a reload of the workers. */

import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { lossRun } from '../servers/losses.js'
import { needs, which } from '../support/needs.js'
import { freePort } from '../support/ports.js'
import { signalProcess, until } from '../support/processes.js'
import { start } from './crew.js'
import { startApp } from './place.js'

const config = (port: number, socket: string, run: string) => `
daemon off;
${process.getuid?.() === 0 ? 'user www-data;' : ''}
worker_processes 2;
pid ${run}/nginx.pid;
error_log ${run}/error.log;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${run}/body;
  fastcgi_temp_path ${run}/fastcgi;
  proxy_temp_path ${run}/proxy;
  scgi_temp_path ${run}/scgi;
  uwsgi_temp_path ${run}/uwsgi;
  upstream app { server unix:${socket} max_fails=0; keepalive 16; }
  server {
    listen 127.0.0.1:${port};
    location / {
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param REQUEST_URI $request_uri;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param SERVER_PROTOCOL $server_protocol;
      fastcgi_keep_conn on;
      # A request that gets no reply is lost, and not sent again.
      fastcgi_next_upstream off;
      fastcgi_pass app;
    }
  }
}
`

describe.skipIf(!needs('nginx'))('nginx with kept connections', () => {
  it('SIGHUP to the primary: no GET and no POST is lost, although nginx retries none', async () => {
    const app = await startApp(['--workers', '2', '--socket-mode', '0666'])
    const port = await freePort()
    const file = `${app.run}/nginx.conf`
    writeFileSync(file, config(port, app.socket, app.run))
    await start(which('nginx') ?? '', ['-c', file, '-e', `${app.run}/error.log`], port)
    const reloads = (async () => {
      for (let times = 1; times <= 2; times++) {
        signalProcess(app.server.pid, 'SIGHUP')
        const done = () => app.server.output().split('all workers were replaced').length > times
        expect(await until(done, 10_000), app.server.output()).toBe(true)
      }
    })()
    const runs = (['GET', 'POST'] as const).map((method) =>
      lossRun({ port, mount: '', method, until: reloads, concurrency: 8 }),
    )
    for (const report of await Promise.all(runs)) {
      expect(report).toMatchObject({ lost: 0, differences: [] })
      expect(report.sent).toBeGreaterThan(100)
    }
    expect(app.serving().length).toBeGreaterThanOrEqual(6)
  })
})
