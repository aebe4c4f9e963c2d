/**
 * Makes test/fixtures/captures from recordings of real servers: keeps what each server sent (the environment
 * block, the FastCGI records, the netstring) and the expected request; omits bodies over 1 KB, replies,
 * timing and requests that never reached a program.
 *
 *   node scripts/compact-captures.mjs DIRECTORY-OF-RECORDINGS
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'

const from = process.argv[2]
if (from === undefined) throw new Error('usage: node scripts/compact-captures.mjs DIRECTORY-OF-RECORDINGS')
const to = fileURLToPath(new URL('../test/fixtures/captures/', import.meta.url))
mkdirSync(to, { recursive: true })

/** Contents of STDIN records over 1 KB are left out: [header, padding]. Their bytes do not matter. */
const record = (one) => (typeof one === 'string' ? one : [one.header_base64, one.padding_base64 ?? ''])

function bytes(received) {
  if (received.kind === 'cgi') return received.environ_base64
  if (received.kind === 'scgi') return received.scgi_base64
  return received.fastcgi_records.map(record)
}

function compact(request) {
  const { headers, body, ...rest } = request.expected
  const { method, url, url_form, url_authority, http_version, path_raw, query_raw, script_name } = rest
  const { path_info_raw, remote_addr, remote_port, scheme, server_addr, server_port, pseudo_headers } = rest
  return {
    name: request.name,
    expected: {
      ...{ method, url, url_form, url_authority, http_version, path_raw, query_raw, script_name },
      ...{ path_info_raw, remote_addr, remote_port, scheme, server_addr, server_port, headers },
      authority: pseudo_headers?.[':authority'],
      body: { length: body.length, framing: body.framing, complete: body.complete, base64: body.base64 },
    },
    kind: request.received.kind,
    received: bytes(request.received),
    read: request.received.stdin?.length,
  }
}

for (const file of readdirSync(from).filter((name) => /^[^.]+\.json\.gz$/.test(name))) {
  const recording = JSON.parse(gunzipSync(readFileSync(join(from, file))))
  const { server, version, mode, mount_point, requests } = recording
  const kept = requests.filter((request) => request.received !== null).map(compact)
  const text = JSON.stringify({ server, version, mode, mount_point, requests: kept })
  writeFileSync(join(to, file), gzipSync(text, { level: 9 }))
}
