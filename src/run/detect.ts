/**
 * Detects which gateway started this process. A table of rules over the environment and descriptor 0;
 * docs/run.md shows what each launcher provides.
 */
import { type BigIntStats, fstatSync, readFileSync, writeSync } from 'node:fs'
import { nearest } from '../core/did-you-mean.js'
import { UsageError } from '../core/errors.js'

/** Names that `run()`, `--server` and CGIUP_SERVER accept. */
export const serverNames = ['auto', 'cgi', 'fastcgi', 'scgi', 'http'] as const

export type ServerName = (typeof serverNames)[number]

/**
 * The kind of descriptor 0. `listening`: a socket that accepts connections; `device`: a terminal, /dev/null.
 */
export type StdinKind = 'listening' | 'socket' | 'pipe' | 'file' | 'device' | 'closed'

export type DetectedServer = 'cgi' | 'fastcgi' | 'scgi' | 'http'

export interface StartFacts {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The caller's choice; `auto` and undefined use the rules. */
  readonly server?: string | undefined
  /** Called only when the environment does not decide. */
  readonly stdin?: () => StdinKind
  /** This process; LISTEN_FDS is only for the process that LISTEN_PID names. */
  readonly pid?: number
}

export interface Detected {
  readonly server: DetectedServer
  /** One line: what decided. */
  readonly why: string
  /** Inherited listening sockets, at least one; absent when a socket has to be opened. */
  readonly sockets?: readonly HandedSocket[]
}

/**
 * False only for a plain HTTP server. True when a web server started the process, or a launcher passed it a
 * socket behind one.
 */
export function isBehindGateway({ server, sockets }: Detected): boolean {
  return server !== 'http' || sockets !== undefined
}

/** A listening socket that a launcher handed over. */
interface HandedSocket {
  readonly fd: number
  /** The only accepted protocol, by its name in LISTEN_FDNAMES; else each connection's first byte decides. */
  readonly protocol?: SocketProtocol
}

type SocketProtocol = 'fastcgi' | 'scgi' | 'http'

/**
 * Applies the first rule that matches: CGIUP_SERVER, the caller's choice, a listening socket, a CGI
 * environment, else the HTTP development server.
 * @throws UsageError SERVER_UNKNOWN
 */
export function detect(facts: StartFacts): Detected {
  const { env } = facts
  const forced = chosen(env.CGIUP_SERVER, 'CGIUP_SERVER') ?? chosen(facts.server, 'the option "server"')
  if (forced !== undefined) {
    const sockets = forced.server === 'cgi' ? undefined : handedOver(facts)?.sockets
    return sockets === undefined ? forced : { ...forced, sockets }
  }
  const handed = handedOver(facts)
  if (handed !== undefined) return handed
  // FCGI_ROLE and PHP_FCGI_CHILDREN do not prove FastCGI: fcgiwrap passes the former to CGI scripts, and
  // lighttpd sets the latter for everything it starts. RFC 3875 section 4.1.4: GATEWAY_INTERFACE is always
  // set; h2o omits it, so the method is checked too.
  if (env.GATEWAY_INTERFACE) return { server: 'cgi', why: `GATEWAY_INTERFACE=${env.GATEWAY_INTERFACE}` }
  if (env.REQUEST_METHOD) return { server: 'cgi', why: `REQUEST_METHOD=${env.REQUEST_METHOD}` }
  const other = env.LISTEN_FDS && env.LISTEN_PID ? ` (LISTEN_FDS is for process ${env.LISTEN_PID})` : ''
  return { server: 'http', why: `no gateway started this process${other}` }
}

/** The first descriptor that systemd passes (sd_listen_fds(3): SD_LISTEN_FDS_START). */
const listenFdsStart = 3

const socketProtocols = ['fastcgi', 'scgi', 'http'] as const

/** Inherited listening sockets, from systemd or on descriptor 0. */
function handedOver({ env, stdin, pid }: StartFacts): Detected | undefined {
  const count = /^[1-9]\d{0,3}$/.test(env.LISTEN_FDS ?? '') ? Number(env.LISTEN_FDS) : 0
  // sd_listen_fds(3): they are for the process that LISTEN_PID names, not for its children.
  if (count > 0 && (env.LISTEN_PID === undefined || env.LISTEN_PID === String(pid))) {
    const names = env.LISTEN_FDNAMES?.split(':') ?? []
    const sockets = Array.from({ length: count }, (_, i): HandedSocket => {
      const protocol = socketProtocols.find((name) => name === names[i]?.toLowerCase())
      return { fd: listenFdsStart + i, ...(protocol && { protocol }) }
    })
    const what = count === 1 ? 'a listening socket' : 'listening sockets'
    return { server: 'fastcgi', why: `LISTEN_FDS=${count} passes ${what}`, sockets }
  }
  // A connected socket proves nothing: Apache mod_cgid and Node itself pass one to their children. A
  // listening socket is how FastCGI starts a process (FastCGI 1.0 section 2.2). It takes precedence over the
  // variables, because a FastCGI process started by a CGI script inherits that script's environment.
  if (stdin?.() === 'listening')
    return { server: 'fastcgi', why: 'fd 0 is a listening socket', sockets: [{ fd: 0 }] }
  return undefined
}

function chosen(name: string | undefined, by: string): Detected | undefined {
  if (!name) return undefined
  // JavaScript callers may set anything.
  const server = String(name).toLowerCase()
  if (server === 'auto') return undefined
  if (isServer(server)) return { server, why: `${by} is set` }
  const near = server === 'fcgi' ? 'fastcgi' : nearest(server, serverNames)
  throw new UsageError(
    'SERVER_UNKNOWN',
    `${by} names the unknown server ${JSON.stringify(name)}; known servers are ${serverNames.join(', ')}.` +
      (near === undefined ? '' : ` Did you mean ${JSON.stringify(near)}?`),
  )
}

function isServer(name: string): name is DetectedServer {
  return name !== 'auto' && (serverNames as readonly string[]).includes(name)
}

/**
 * The kind of descriptor 0. Reads and writes no byte.
 *
 * The test of FastCGI 1.0 section 2.2 is getpeername(0) failing with ENOTCONN. Node has no such call, and
 * listen() would close a connected socket afterwards; an empty write gives the same answer: ENOTCONN (Unix
 * socket) or EPIPE (TCP on Linux) without a peer. EPIPE also occurs on a Unix socket whose other end is
 * already closed: the body was short and its sender is done.
 */
export function stdinKind(): StdinKind {
  let stat: BigIntStats
  try {
    // As bigint, because Node 20 and 22 reuse their last number result: after one for a pipe or socket,
    // realpathSync (and so require()) reads an outdated file type and no longer resolves symlinks.
    stat = fstatSync(0, { bigint: true })
  } catch {
    return 'closed'
  }
  if (stat.isFIFO()) return 'pipe'
  if (stat.isFile()) return 'file'
  if (!stat.isSocket()) return 'device'
  try {
    writeSync(0, new Uint8Array(0))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOTCONN' || (code === 'EPIPE' && isListeningTcp(stat.ino))) return 'listening'
  }
  return 'socket'
}

/** Looks for the socket in the kernel's tables: column 4 is the state (0A is LISTEN), column 10 the inode. */
function isListeningTcp(inode: bigint): boolean {
  return ['/proc/net/tcp', '/proc/net/tcp6'].some((table) => {
    try {
      return readFileSync(table, 'latin1')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .some((columns) => columns[3] === '0A' && columns[9] === String(inode))
    } catch {
      return false
    }
  })
}
