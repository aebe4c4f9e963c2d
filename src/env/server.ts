/**
 * Which web server is in front, by SERVER_SOFTWARE, and how to treat it. No other module reads that variable
 * for a decision; server-notes.ts describes each trait.
 */
import type { Env } from '../core/exchange.js'

/** What a server does that others do not. */
export interface Traits {
  /** Merges repeated slashes before it applies its access rules. */
  readonly mergesSlashes: boolean
  /** Removes dot segments before it applies its access rules. */
  readonly resolvesDots: boolean
  /** Answers paths with an encoded slash itself, before it applies its access rules. */
  readonly refusesEncodedSlash: boolean
  /** Whether the server has verified the name in REMOTE_USER: always, if AUTH_TYPE is set, or never. */
  readonly checksUser: 'always' | 'with-auth-type' | 'never'
  /** Does not know about scripts: SCRIPT_NAME is configured, DOCUMENT_URI is the path served. */
  readonly configuresScript: boolean
  /** Sends HTTP_HOST without the port if its stock parameter files are used. */
  readonly dropsHostPort: boolean
  /** SCRIPT_FILENAME may be the path at the back end, without a prefix (ProxyFCGIBackendType GENERIC). */
  readonly sendsBareProxyPath: boolean
  /** Asks an Authorizer about a file, in SCRIPT_FILENAME, not about a path. */
  readonly authorizesFiles: boolean
  /** The variable that holds the whole path if the configuration does not split it. */
  readonly wholePathIn: 'SCRIPT_NAME' | 'PATH_INFO' | null
  /** REQUEST_URI is the path after rewriting. */
  readonly rewritesRequestUri: boolean
  /** Does not indicate a body of unknown length. */
  readonly hidesUnknownLength: boolean
  /** Sends a CONTENT_TYPE if the client sent none. */
  readonly inventsContentType: boolean
  /** Sends an empty User-Agent if the client sent none. */
  readonly inventsUserAgent: boolean
  /** Joins cookies with ";" and no space. */
  readonly joinsCookiesBare: boolean
  /** Treats a script named `nph-…` as one that writes whole HTTP responses. */
  readonly knowsNph: boolean
  /** Stops sending the request body once the reply has begun. */
  readonly isHalfDuplex: boolean
  /** FastCGI: sends requests on a kept connection that is about to close, and does not repeat a POST. */
  readonly reusesClosingConnection: boolean
  /** FastCGI: detects a broken reply only by a record that is cut off in its header. */
  readonly needsTornRecord: boolean
  /** FastCGI: crashes on STDERR records. */
  readonly crashesAtStderr: boolean
  /** Answers 302 for every Status that is sent before a Location. */
  readonly overridesStatus: boolean
}

export interface Server extends Traits {
  readonly name: string
}

const ordinary: Traits = {
  mergesSlashes: false,
  resolvesDots: false,
  refusesEncodedSlash: false,
  checksUser: 'always',
  configuresScript: false,
  dropsHostPort: false,
  sendsBareProxyPath: false,
  authorizesFiles: false,
  wholePathIn: null,
  rewritesRequestUri: false,
  hidesUnknownLength: false,
  inventsContentType: false,
  inventsUserAgent: false,
  joinsCookiesBare: false,
  knowsNph: true,
  isHalfDuplex: false,
  reusesClosingConnection: false,
  needsTornRecord: false,
  crashesAtStderr: false,
  overridesStatus: false,
}

/** Any server that is not in the table: nothing is known about it. */
export const unknownServer: Server = { ...ordinary, name: 'other' }

const nginx: Server = {
  ...ordinary,
  name: 'nginx',
  mergesSlashes: true,
  resolvesDots: true,
  checksUser: 'with-auth-type',
  configuresScript: true,
  knowsNph: false,
  isHalfDuplex: true,
  reusesClosingConnection: true,
}

/** Before 1.30 there was no `$is_request_port`: the stock fastcgi_params and scgi_params send `$host`. */
export const oldNginx: Server = { ...nginx, dropsHostPort: true }

const python: Server = { ...ordinary, name: 'Python', checksUser: 'never', knowsNph: false }

/** By the product name in SERVER_SOFTWARE (RFC 9110 section 10.2.4: product ["/" version]), in lower case. */
export const servers: Readonly<Record<string, Server>> = {
  apache: {
    ...ordinary,
    name: 'Apache',
    mergesSlashes: true,
    resolvesDots: true,
    refusesEncodedSlash: true,
    sendsBareProxyPath: true,
    authorizesFiles: true,
  },
  caddy: {
    ...ordinary,
    name: 'Caddy',
    inventsContentType: true,
    inventsUserAgent: true,
    needsTornRecord: true,
  },
  go: { ...ordinary, name: 'Go', hidesUnknownLength: true, knowsNph: false },
  h2o: { ...ordinary, name: 'h2o', resolvesDots: true, wholePathIn: 'PATH_INFO', joinsCookiesBare: true },
  haproxy: {
    ...ordinary,
    name: 'HAProxy',
    checksUser: 'never',
    wholePathIn: 'SCRIPT_NAME',
    rewritesRequestUri: true,
    crashesAtStderr: true,
    overridesStatus: true,
  },
  lighttpd: { ...ordinary, name: 'lighttpd', mergesSlashes: true, resolvesDots: true },
  litespeed: { ...ordinary, name: 'LiteSpeed', mergesSlashes: true, resolvesDots: true },
  'microsoft-iis': { ...ordinary, name: 'IIS', resolvesDots: true },
  nginx,
  simplehttp: python,
  basehttp: python,
}

let lastSoftware = ''
let lastServer = unknownServer

/** The server that sent these variables; {@link unknownServer} if the table does not have it. */
export function serverOf(env: Pick<Env, 'get'>): Server {
  const software = env.get('SERVER_SOFTWARE')
  if (software === undefined) return isNginxScgi(env) ? oldNginx : unknownServer
  // Nearly all requests of a process come from the same server.
  if (software === lastSoftware) return lastServer
  lastSoftware = software
  lastServer = identify(software)
  return lastServer
}

/** nginx's scgi_params do not send SERVER_SOFTWARE; DOCUMENT_URI identifies nginx. */
function isNginxScgi(env: Pick<Env, 'get'>): boolean {
  return env.get('SCGI') !== undefined && env.get('DOCUMENT_URI') !== undefined
}

function identify(software: string): Server {
  const [, product = '', major, minor] = /^([^/\s]*)(?:\/(\d+)\.(\d+))?/.exec(software) ?? []
  const name = product.toLowerCase()
  const server = Object.hasOwn(servers, name) ? (servers[name] as Server) : unknownServer
  return server === nginx && Number(major) <= 1 && Number(minor) < 30 ? oldNginx : server
}
