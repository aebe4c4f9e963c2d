/**
 * Which gateway started this process? A table of rules over the environment and file descriptor 0;
 * docs/run.md shows what each launcher gives.
 */
import { type BigIntStats, fstatSync, readFileSync, writeSync } from 'node:fs'
import { nearest } from '../core/did-you-mean.js'
import { UsageError } from '../core/errors.js'

/** Names that `run()`, `--server` and CGIUP_SERVER take. */
export const serverNames = ['auto', 'cgi', 'fastcgi', 'scgi', 'http'] as const

export type ServerName = (typeof serverNames)[number]

/** What fd 0 is. `listening`: a socket that waits for connections; `device`: a terminal, /dev/null. */
export type StdinKind = 'listening' | 'socket' | 'pipe' | 'file' | 'device' | 'closed'

export type DetectedServer = 'cgi' | 'fastcgi' | 'scgi' | 'http'

export interface StartFacts {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The caller's choice; `auto` and undefined leave it to the rules. */
  readonly server?: string | undefined
  /** Asked only where the environment does not decide. */
  readonly stdin?: () => StdinKind
  /** This process; LISTEN_FDS is meant for it only when LISTEN_PID says so. */
  readonly pid?: number
}

export interface Detected {
  readonly server: DetectedServer
  /** One line for people: what decided. */
  readonly why: string
  /** Listening sockets that the launcher handed over, at least one; absent where one is to be made. */
  readonly sockets?: readonly HandedSocket[]
}

/** Not HTTP on a laptop: a web server started the process, or a launcher gave it the socket of one in front. */
export function isBehindGateway({ server, sockets }: Detected): boolean {
  return server !== 'http' || sockets !== undefined
}

/** A listening socket that a launcher handed over. */
interface HandedSocket {
  readonly fd: number
  /** What alone is spoken there, by its name in LISTEN_FDNAMES; else each connection's first byte tells. */
  readonly protocol?: SocketProtocol
}

type SocketProtocol = 'fastcgi' | 'scgi' | 'http'

/**
 * The first rule that fits decides: CGIUP_SERVER, the caller's choice, a listening socket, a CGI
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
  // FCGI_ROLE and PHP_FCGI_CHILDREN are not signs of FastCGI: fcgiwrap passes the former to CGI
  // scripts, lighttpd sets the latter for whatever it starts.
  // RFC 3875 section 4.1.4: GATEWAY_INTERFACE is always set; h2o forgets it, so the method counts too.
  if (env.GATEWAY_INTERFACE) return { server: 'cgi', why: `GATEWAY_INTERFACE=${env.GATEWAY_INTERFACE}` }
  if (env.REQUEST_METHOD) return { server: 'cgi', why: `REQUEST_METHOD=${env.REQUEST_METHOD}` }
  const other = env.LISTEN_FDS && env.LISTEN_PID ? ` (LISTEN_FDS is for process ${env.LISTEN_PID})` : ''
  return { server: 'http', why: `no gateway started this process${other}` }
}

/** The first descriptor that systemd hands over (sd_listen_fds(3): SD_LISTEN_FDS_START). */
const listenFdsStart = 3

const socketProtocols = ['fastcgi', 'scgi', 'http'] as const

/** Sockets that listen already, from systemd or on fd 0. */
function handedOver({ env, stdin, pid }: StartFacts): Detected | undefined {
  const count = /^[1-9]\d{0,3}$/.test(env.LISTEN_FDS ?? '') ? Number(env.LISTEN_FDS) : 0
  // sd_listen_fds(3): they are meant for the process that LISTEN_PID names, not for its children.
  if (count > 0 && (env.LISTEN_PID === undefined || env.LISTEN_PID === String(pid))) {
    const names = env.LISTEN_FDNAMES?.split(':') ?? []
    const sockets = Array.from({ length: count }, (_, i): HandedSocket => {
      const protocol = socketProtocols.find((name) => name === names[i]?.toLowerCase())
      return { fd: listenFdsStart + i, ...(protocol && { protocol }) }
    })
    const what = count === 1 ? 'a listening socket' : 'listening sockets'
    return { server: 'fastcgi', why: `LISTEN_FDS=${count} passes ${what}`, sockets }
  }
  // A connected socket says nothing: Apache mod_cgid and Node itself give one to their children.
  // A listening one is the FastCGI way to start a process (FastCGI 1.0 section 2.2), and comes before
  // the variables: a FastCGI process that a CGI script started inherits that script's environment.
  if (stdin?.() === 'listening')
    return { server: 'fastcgi', why: 'fd 0 is a listening socket', sockets: [{ fd: 0 }] }
  return undefined
}

function chosen(name: string | undefined, by: string): Detected | undefined {
  if (!name) return undefined
  const server = name.toLowerCase()
  if (server === 'auto') return undefined
  if (isServer(server)) return { server, why: `${by} says so` }
  const near = nearest(server, serverNames)
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
 * What fd 0 of this process is. Changes nothing: no byte is read or written.
 *
 * The test of FastCGI 1.0 section 2.2 is getpeername(0) failing with ENOTCONN. Node has no such call,
 * and listen() would close a connected socket afterwards; a write of no bytes gives the same answer:
 * ENOTCONN (Unix socket) or EPIPE (TCP on Linux) where there is no peer. EPIPE also comes of a Unix
 * socket whose other end is closed already: the body was short and its sender is done.
 */
export function stdinKind(): StdinKind {
  let stat: BigIntStats
  try {
    // As bigint, because Node 20 and 22 keep the last result that is not: after one of a pipe or a
    // socket, realpathSync (and so require()) no longer resolves symlinks. They look at a stale type.
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
