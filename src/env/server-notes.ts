/** What the traits of server.ts mean, for docs/environment.md. */
import type { Traits } from './server.js'

interface TraitNote {
  /** What the server does. */
  readonly seen: string
  /** How cgiup treats it for that. */
  readonly done: string
}

export const traitNotes: Readonly<Record<keyof Traits, TraitNote>> = {
  mergesSlashes: {
    seen: 'merges repeated slashes before it applies its access rules',
    done: 'a Node app gets one slash at the beginning of its URL, not a host name',
  },
  resolvesDots: {
    seen: 'removes dot segments before it applies its access rules',
    done: 'a front controller gets such a path, resolved; behind other servers the reply is 400',
  },
  refusesEncodedSlash: {
    seen: 'answers paths with `%2F`, `%5C` or `%00` with 404, before its access rules',
    done: 'a front controller that is its 404 page is not called for them',
  },
  checksUser: {
    seen: 'may set REMOTE_USER without having checked a password',
    done: 'the user is believed only where the server has checked it: always, with AUTH_TYPE, or never',
  },
  configuresScript: {
    seen: 'sends as SCRIPT_NAME what its configuration says, and the path that it serves as DOCUMENT_URI',
    done: 'DOCUMENT_URI tells which path is served',
  },
  dropsHostPort: {
    seen: 'HTTP_HOST of its stock parameter files has no port (nginx before 1.30)',
    done: 'the port is put back, where the variables are in the order of those files',
  },
  sendsBareProxyPath: {
    seen: 'with `ProxyFCGIBackendType GENERIC`, SCRIPT_FILENAME is the path at the back end',
    done: 'the mount path is what comes before it',
  },
  authorizesFiles: {
    seen: 'asks an Authorizer about a file (SCRIPT_FILENAME), not about a path',
    done: 'the path is that file below CONTEXT_DOCUMENT_ROOT',
  },
  wholePathIn: {
    seen: 'has the whole path in one variable where its configuration does not split it',
    done: 'that variable does not tell the mount path',
  },
  rewritesRequestUri: {
    seen: 'changes REQUEST_URI itself when it rewrites a path',
    done: 'REQUEST_URI is the path that is served',
  },
  hidesUnknownLength: {
    seen: 'sends neither a length nor a sign of a body whose length it does not know',
    done: 'POST, PUT and PATCH are read to the end',
  },
  inventsContentType: {
    seen: 'sends the Content-Type of a form where the client sent none',
    done: 'that type is dropped, unless HTTP_CONTENT_TYPE shows that it was sent',
  },
  inventsUserAgent: {
    seen: 'sends an empty User-Agent where the client sent none',
    done: 'an empty one is dropped',
  },
  joinsCookiesBare: {
    seen: 'joins cookies of HTTP/2 with ";" and no space',
    done: 'the space is added',
  },
  knowsNph: {
    seen: 'may run a script named `nph-…` as one that writes whole HTTP responses',
    done: 'such a script does, unless the server is one that parses all output',
  },
  isHalfDuplex: {
    seen: 'sends no more of a request body once the reply has begun',
    done: 'a streamed reply waits until the whole body has arrived',
  },
  reusesClosingConnection: {
    seen: 'sends requests on a kept FastCGI connection that is about to close, and does not repeat a POST',
    done: 'a process that ends sends one more record, which makes it open a new connection',
  },
  needsTornRecord: {
    seen: 'takes the end of a FastCGI connection for the end of the reply',
    done: 'a reply that broke ends in half a record, which it logs as an error',
  },
  crashesAtStderr: {
    seen: 'crashes at FastCGI STDERR records (HAProxy 2.6)',
    done: 'none are sent: the text goes to the log of the process',
  },
  overridesStatus: {
    seen: 'answers 302 for every Status before a Location field (HAProxy 2.6)',
    done: 'Status is sent behind it',
  },
}
