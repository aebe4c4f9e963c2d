/** Starts test/fixtures/child/script.mjs as web servers do: over pipes, sockets, files, one shared socket. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { tempDir } from '../support/temp.js'

export const script = fileURLToPath(new URL('../fixtures/child/script.mjs', import.meta.url))

export type Variables = Readonly<Record<string, string | undefined>>

/** The environment of a GET; of our own variables only PATH. */
export function variables(app: string, more: Variables = {}): NodeJS.ProcessEnv {
  const env: Record<string, string | undefined> = {
    PATH: process.env.PATH,
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_PROTOCOL: 'HTTP/1.1',
    SERVER_SOFTWARE: 'test',
    SERVER_NAME: 'localhost',
    SERVER_PORT: '80',
    REMOTE_ADDR: '127.0.0.1',
    REQUEST_METHOD: 'GET',
    REQUEST_URI: '/app.cgi/x',
    SCRIPT_NAME: '/app.cgi',
    PATH_INFO: '/x',
    QUERY_STRING: '',
    APP: app,
    ...more,
  }
  for (const name of Object.keys(env)) if (env[name] === undefined) delete env[name]
  return env
}

export function start(env: NodeJS.ProcessEnv, stdio: StdioOptions = ['pipe', 'pipe', 'pipe']): ChildProcess {
  return spawn(process.execPath, [script], { env, stdio })
}

export interface Output {
  readonly bytes: Buffer
  /** The reply as Latin-1 text. */
  readonly head: string
  readonly body: Buffer
  readonly stderr: string
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export async function collect(stream: Readable | null | undefined): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream ?? []) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

/** The whole output of a process. */
export async function outputOf(child: ChildProcess, stdout: Readable | null = child.stdout): Promise<Output> {
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const [bytes, stderr, [code, signal]] = await Promise.all([collect(stdout), collect(child.stderr), ended])
  return { ...split(bytes), stderr: stderr.toString(), code, signal }
}

export function split(bytes: Buffer): { bytes: Buffer; head: string; body: Buffer } {
  const at = bytes.indexOf('\r\n\r\n')
  if (at < 0) return { bytes, head: bytes.toString('latin1'), body: Buffer.alloc(0) }
  return { bytes, head: bytes.toString('latin1', 0, at + 4), body: bytes.subarray(at + 4) }
}

/** One request over a socket pair, as Node gives to child processes. */
export function run(app: string, more: Variables = {}, body?: string | Buffer): Promise<Output> {
  const length =
    body === undefined ? {} : { REQUEST_METHOD: 'POST', CONTENT_LENGTH: String(Buffer.byteLength(body)) }
  const child = start(variables(app, { ...length, ...more }))
  child.stdin?.on('error', () => {})
  child.stdin?.end(body)
  return outputOf(child)
}

/**
 * Over real pipes, through a shell: `input | script | output`. The exit status of the script is that reported
 * by a shell: 128 + signal if it was killed.
 */
export async function runPiped(app: string, more: Variables, input: string, output: string): Promise<Output> {
  const command = `${input} | { "$NODE" "$SCRIPT"; echo "exit status $?" >&2; } | ${output}`
  const env = { ...variables(app, more), NODE: process.execPath, SCRIPT: script }
  const result = await outputOf(spawn('/bin/sh', ['-c', command], { env, stdio: ['ignore', 'pipe', 'pipe'] }))
  const status = /exit status (\d+)\n/.exec(result.stderr)?.[1]
  return { ...result, code: Number(status), stderr: result.stderr.replace(/exit status \d+\n/, '') }
}

/** One socket as stdin and stdout, as with mod_cgid. Our end is `socket`. */
export async function startShared(env: NodeJS.ProcessEnv): Promise<{ child: ChildProcess; socket: Socket }> {
  const path = join(tempDir('shared'), 'socket')
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  server.listen(path)
  await once(server, 'listening')
  const theirs = connect(path)
  const [ours] = (await once(server, 'connection')) as [Socket]
  server.close()
  const child = start(env, [theirs, theirs, 'pipe'])
  theirs.destroy()
  return { child, socket: ours }
}

const block = Uint8Array.from({ length: 65_536 }, (_, i) => (i * 31 + (i >> 8)) & 255)

/** The same bytes as the script's pattern(). */
export function pattern(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size)
  for (let at = 0; at < size; at += block.length) bytes.set(block.subarray(0, size - at), at)
  return bytes
}
