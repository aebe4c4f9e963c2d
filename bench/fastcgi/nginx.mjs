// nginx in front: fastcgi_pass to cgiup compared with proxy_pass to node:http, both with kept connections.
// Measures the CPU of nginx's worker and of the responder together.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuOfTree, drive, median, startServer, verdict } from './measure.mjs'

const PARAMS = `
  fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD $request_method;
  fastcgi_param CONTENT_TYPE $content_type; fastcgi_param CONTENT_LENGTH $content_length;
  fastcgi_param SCRIPT_NAME $fastcgi_script_name; fastcgi_param REQUEST_URI $request_uri;
  fastcgi_param DOCUMENT_URI $document_uri; fastcgi_param DOCUMENT_ROOT $document_root;
  fastcgi_param SERVER_PROTOCOL $server_protocol; fastcgi_param REQUEST_SCHEME $scheme;
  fastcgi_param GATEWAY_INTERFACE CGI/1.1; fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;
  fastcgi_param REMOTE_ADDR $remote_addr; fastcgi_param REMOTE_PORT $remote_port;
  fastcgi_param SERVER_ADDR $server_addr; fastcgi_param SERVER_PORT $server_port;
  fastcgi_param SERVER_NAME $server_name; fastcgi_param REDIRECT_STATUS 200;`

const passTo = {
  fastcgi: `fastcgi_pass up; fastcgi_keep_conn on; ${PARAMS}`,
  http: `proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;`,
}

const config = (directory, port, { path, protocol }) => `
${process.getuid() === 0 ? 'user root;' : ''} worker_processes 1; daemon off; pid ${directory}/pid; error_log ${directory}/error.log;
events { worker_connections 1024; }
http {
  access_log off; client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi; uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
  keepalive_requests 1000000;
  upstream up { server unix:${path}; keepalive 32; keepalive_requests 1000000; }
  server { listen 127.0.0.1:${port}; location / { ${passTo[protocol]} } }
}`

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const reachable = async (port) => {
  for (let i = 0; i < 100; i++) {
    const open = await new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
    if (open) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('nginx does not answer')
}

const once = async (what, requests) => {
  const server = await startServer(what)
  const directory = mkdtempSync(join(tmpdir(), 'cgiup-bench-nginx-'))
  const port = await freePort()
  writeFileSync(join(directory, 'conf'), config(directory, port, server))
  const nginx = spawn('nginx', ['-p', directory, '-c', join(directory, 'conf')], { stdio: 'inherit' })
  try {
    await reachable(port)
    const load = { protocol: 'http', port, connections: 16 }
    await drive({ ...load, requests })
    const [a, x] = [await server.usage(), cpuOfTree(nginx.pid)]
    const result = await drive({ ...load, requests })
    const [b, y] = [await server.usage(), cpuOfTree(nginx.pid)]
    if (result.failed > 0) console.log(`  ${what.name}: ${result.failed} of ${requests} failed`)
    return {
      us: (b.cpu - a.cpu + y - x) / result.done,
      own: (b.cpu - a.cpu) / result.done,
      ...result,
      rss: b.rss,
    }
  } finally {
    nginx.kill('SIGTERM')
    await new Promise((resolve) => nginx.on('exit', resolve))
    await server.stop()
    rmSync(directory, { recursive: true })
  }
}

export const measureNginx = async ({ rounds, scaled, line }) => {
  console.log('nginx and responder together')
  if (spawnSync('nginx', ['-v']).error) {
    console.log('  skipped: no nginx (Debian: nginx)')
    return
  }
  const all = [
    { name: 'proxy_pass, node:http', server: 'http', app: 'hello', style: 'node' },
    { name: 'fastcgi_pass, fetch', server: 'cgiup', app: 'hello', style: 'fetch', goal: 0.9 },
    { name: 'fastcgi_pass, node', server: 'cgiup', app: 'hello', style: 'node', goal: 0.9 },
  ]
  const seen = all.map(() => [])
  for (let round = 0; round < rounds; round++)
    for (const [i, what] of all.entries()) seen[i].push(await once(what, scaled(40_000)))
  const of = (i, key) => median(seen[i].map((one) => one[key]))
  for (const [i, what] of all.entries())
    line(what.name, of(i, 'us'), of(i, 'us') / of(0, 'us'), what.goal, of(i, 'p99'), of(i, 'rss'))
  const own = (i) => of(i, 'own').toFixed(2)
  console.log(`  of it the responder: ${all.map((what, i) => `${what.name} ${own(i)} us`).join(', ')}`)
  for (const i of [1, 2])
    console.log(
      `  p99 of ${all[i].name} against ${all[0].name}: ${(of(i, 'p99') / of(0, 'p99')).toFixed(2)}${verdict(of(i, 'p99') / of(0, 'p99'), 1)}`,
    )
}
