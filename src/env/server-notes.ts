/** What the traits of server.ts mean, for docs/environment.md. */
import type { Traits } from './server.js'

interface TraitNote {
  /** What the server does. */
  readonly seen: string
  /** How cgiup handles it. */
  readonly done: string
}

export const traitNotes: Readonly<Record<keyof Traits, TraitNote>> = {
  mergesSlashes: {
    seen: 'merges repeated slashes before it applies its access rules',
    done: 'a Node app gets one slash at the beginning of its URL, not a host name',
  },
  resolvesDots: {
    seen: 'removes dot segments before it applies its access rules',
    done: 'a front controller gets such a path resolved; behind other servers the reply is 400',
  },
  refusesEncodedSlash: {
    seen: 'answers paths with `%2F`, `%5C` or `%00` with 404, before its access rules',
    done: 'a front controller that is the 404 page is not called for such paths',
  },
  checksUser: {
    seen: 'may set REMOTE_USER without having checked a password',
    done: 'the user name is trusted only if the server is known to have verified it: always, only if AUTH_TYPE is set, or never',
  },
  configuresScript: {
    seen: 'sends a configured SCRIPT_NAME, and the path that it serves as DOCUMENT_URI',
    done: 'the path that is served is taken from DOCUMENT_URI',
  },
  dropsHostPort: {
    seen: 'its stock parameter files send HTTP_HOST without the port (nginx before 1.30)',
    done: 'the port is restored if the variables are in the order of those files',
  },
  sendsBareProxyPath: {
    seen: 'with `ProxyFCGIBackendType GENERIC`, SCRIPT_FILENAME is the path at the back end',
    done: 'the mount path is what precedes it',
  },
  authorizesFiles: {
    seen: 'asks an Authorizer about a file (SCRIPT_FILENAME), not about a path',
    done: 'the path is that file below CONTEXT_DOCUMENT_ROOT',
  },
  wholePathIn: {
    seen: 'sends the whole path in one variable if its configuration does not split it',
    done: 'that variable is not used to find the mount path',
  },
  rewritesRequestUri: {
    seen: 'changes REQUEST_URI itself when it rewrites a path',
    done: 'REQUEST_URI is the path that is served',
  },
  hidesUnknownLength: {
    seen: 'does not indicate a body of unknown length',
    done: 'POST, PUT and PATCH are read to the end',
  },
  inventsContentType: {
    seen: 'sends the Content-Type of a form if the client sent no Content-Type',
    done: 'that type is dropped, unless HTTP_CONTENT_TYPE shows that the client sent it',
  },
  inventsUserAgent: {
    seen: 'sends an empty User-Agent if the client sent none',
    done: 'an empty one is dropped',
  },
  joinsCookiesBare: {
    seen: 'joins HTTP/2 cookies with ";" and no space',
    done: 'the space is added',
  },
  knowsNph: {
    seen: 'may treat a script named `nph-…` as a non-parsed-header script: one that writes whole HTTP responses',
    done: 'such a script writes whole responses, unless the server parses all output',
  },
  isHalfDuplex: {
    seen: 'stops sending the request body once the reply has begun',
    done: 'a streamed reply waits until the whole body has arrived',
  },
  reusesClosingConnection: {
    seen: 'sends requests on a kept FastCGI connection that is about to close, and does not repeat a POST',
    done: 'before a process ends, it sends one more record, which makes the server open a new connection',
  },
  needsTornRecord: {
    seen: 'treats the end of a FastCGI connection as the end of the reply',
    done: 'a broken reply ends in half a record, which the server logs as an error',
  },
  crashesAtStderr: {
    seen: 'crashes on FastCGI STDERR records (HAProxy 2.6)',
    done: 'no STDERR records are sent: the text goes to the log of the process',
  },
  overridesStatus: {
    seen: 'answers 302 for every Status before a Location field (HAProxy 2.6)',
    done: 'Status is sent after it',
  },
}
