/**
 * FastCGI and SCGI: a real process on a socket. The tests act as the web server: variables computed from the
 * HTTP request, followed by the body, and the reply parsed as CGI output.
 */
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { HeadParser } from '../../src/cgi/codec/head-parser.js'
import { buildEnv } from '../../src/env/build.js'
import { percentDecode } from '../../src/env/text.js'
import { begin, Peer, params, stdin, stdinEnd } from '../fastcgi/peer.js'
import { tempDir } from '../support/temp.js'
import { type Answer, type Case, type Gateway, headerList, type Style } from './case.js'
import { scripts, startProgram } from './program.js'

const latin1 = (bytes: string | Uint8Array): string => Buffer.from(bytes as string).toString('latin1')

const bodyOf = ({ request }: Case): string | undefined =>
  request?.pieces?.map(latin1).join('') ?? (request?.body === undefined ? undefined : latin1(request.body))

/** The variables that a server computes from the request of a case and its mount path. */
function variables(one: Case): string[] {
  const { method = 'GET', target = '/', mount = '', env = {}, scheme = 'http', body } = one.request ?? {}
  const headers = headerList(one)
  if (!headers.some((name) => name.toLowerCase() === 'host')) headers.push('Host', 'localhost')
  if (body !== undefined) headers.push('Content-Length', String(Buffer.byteLength(body)))
  const list = buildEnv({
    method,
    target,
    httpVersion: '1.1',
    headers,
    scheme,
    remoteAddress: '127.0.0.1',
    remotePort: 12345,
    serverAddress: '127.0.0.1',
    serverPort: scheme === 'https' ? 443 : 80,
  })
  const set = (name: string, value: string) => {
    const at = list.indexOf(name)
    if (at >= 0 && at % 2 === 0) list[at + 1] = value
    else list.push(name, value)
  }
  set('SCRIPT_NAME', mount)
  set('PATH_INFO', percentDecode((target.split('?')[0] as string).slice(mount.length)))
  for (const [name, value] of Object.entries(env)) set(name, latin1(value))
  return list
}

interface Output {
  readonly stdout: Uint8Array
  readonly stderr?: string
  readonly complete: boolean
}

/** The reply that a web server creates from the output of its application. */
function answerFrom({ stdout, stderr = '', complete }: Output, log: () => string): Answer {
  const parsed = new HeadParser().push(stdout)
  if (parsed === null) throw new Error(`no head in ${JSON.stringify(Buffer.from(stdout).toString('latin1'))}`)
  const { head, rest } = parsed
  const values = (name: string) =>
    head.headers.filter((_, i) => i % 2 === 1 && head.headers[i - 1]?.toLowerCase() === name)
  const length = values('content-length')[0]
  return {
    status: head.status,
    reason: head.reason ?? '',
    values,
    body: rest,
    complete: complete && (length === undefined || rest.length === 0 || rest.length === Number(length)),
    stderr: () => stderr + log(),
  }
}

async function fastcgiSite(style: Style, keep: boolean) {
  const path = join(tempDir('cgiup'), 'socket')
  const program = await startProgram([scripts[style], '--server', 'fastcgi', '--listen', `unix:${path}`])
  let shared: Peer | undefined
  let id = 0
  const over = (peer: Peer, one: Case, id: number): void => {
    peer.send(begin(id, 1, keep ? 1 : 0) + params(id, variables(one)) + stdin(id, bodyOf(one) ?? ''))
    peer.send(stdinEnd(id))
  }
  const peerFor = () => {
    if (!keep) return new Peer(path)
    if (shared === undefined || shared.closed) shared = new Peer(path)
    return shared
  }
  const request = async (one: Case): Promise<Answer> => {
    const start = program.log().length
    const peer = peerFor()
    id = (id % 65535) + 1
    const mine = id
    over(peer, one, mine)
    // Do not reject: a broken reply closes the connection.
    const reply = await peer.ended(mine).catch(() => peer.answer(mine))
    if (!keep) await peer.close()
    // Another request's broken reply closed the connection before this one was seen.
    if (keep && peer.closed && reply.types.length === 0) return request(one)
    const output = {
      stdout: Buffer.from(reply.stdout, 'latin1'),
      stderr: latin1ToUtf8(reply.stderr),
      complete: reply.protocolStatus === 0 && reply.appStatus === 0 && reply.stdoutEnded,
    }
    return answerFrom(output, () => program.log().slice(start))
  }
  const close = async () => {
    shared?.socket.destroy()
    await program.stop()
  }
  return { request, close }
}

const latin1ToUtf8 = (text: string): string => Buffer.from(text, 'latin1').toString()

/** One connection per request, closed by the application after its reply. */
export const fastcgi: Gateway = {
  name: 'fastcgi',
  open: (style) => fastcgiSite(style, false),
}

/** All requests at the same time over one connection. */
export const fastcgiMultiplexed: Gateway = {
  name: 'fastcgi, multiplexed',
  open: (style) => fastcgiSite(style, true),
}

/** On TCP, where a broken reply can be distinguished from a complete one. */
export const scgi: Gateway = {
  name: 'scgi',
  not: {
    'no body: neither Content-Length nor Content-Type': 'CONTENT_LENGTH is always there in SCGI',
  },
  async open(style) {
    const program = await startProgram([scripts[style], '--server', 'scgi', '--listen', '127.0.0.1:0'])
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(program.log())?.[1])
    return {
      async request(one) {
        const start = program.log().length
        const output = await scgiOutput(port, one)
        return answerFrom(output, () => program.log().slice(start))
      },
      close: program.stop,
    }
  },
}

async function scgiOutput(port: number, one: Case): Promise<Output> {
  // SCGI requires a length: the server in front has buffered a body without one.
  const body = bodyOf(one) ?? ''
  const rest = variables(one)
  const at = rest.indexOf('CONTENT_LENGTH')
  if (at >= 0) rest.splice(at, 2)
  const list = ['CONTENT_LENGTH', String(body.length), 'SCGI', '1', ...rest]
  const text = list.map((item) => `${item}\0`).join('')
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const pieces: Buffer[] = []
  socket.on('data', (piece: Buffer) => pieces.push(piece))
  socket.write(`${text.length}:${text},${body}`, 'latin1')
  const complete = await endedWell(socket)
  socket.destroy()
  return { stdout: Buffer.concat(pieces), complete }
}

/** False when the connection was reset. */
function endedWell(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    socket.on('error', () => resolve(false))
    // libuv reports a reset that arrives together with data as an end; the next write shows it.
    socket.on('end', () => socket.write('x', (error) => resolve(!error)))
  })
}
