/**
 * Errors: the class says whose fault it is; the status to answer with and the fix are fields; the code never
 * changes. One table holds them all (docs/errors.md is generated from it).
 */

interface ErrorRow {
  /** One line: what happened. */
  readonly title: string
  /** One line: how the reader of the message can fix it. */
  readonly fix: string
  /** The HTTP status for the client, if it can still be sent. */
  readonly status: number
}

export const errorTable = {
  REQUEST_BODY_SHORT: {
    title: 'The request body ended before its announced length',
    fix: 'The client or the web server cut the upload off; send it again.',
    status: 400,
  },
  REQUEST_ABORTED: {
    title: 'The client disconnected before the request was answered',
    fix: 'No action is needed; an app may stop its work for this request.',
    status: 499,
  },
  REQUEST_SPOOL_FULL: {
    title: 'A request body had to be buffered until the reply was sent, and there was no space for it',
    fix: 'Read the body before sending the reply, or free space in the directory for temporary files.',
    status: 413,
  },
  REQUEST_BODY_TIMEOUT: {
    title: 'The request body did not arrive within the time allowed',
    fix: 'Send the request again over a faster connection, or raise the limit bodyTimeoutMs.',
    status: 408,
  },
  REQUEST_LENGTH_INVALID: {
    title: 'CONTENT_LENGTH is not a number of bytes',
    fix: 'The client or the web server sent a wrong length; send the request again.',
    status: 400,
  },
  REQUEST_METHOD_INVALID: {
    title: 'REQUEST_METHOD is not an HTTP method',
    fix: 'The client or the web server sent a wrong method; send the request again.',
    status: 400,
  },
  REQUEST_INCOMPLETE: {
    title: 'The environment does not describe a request',
    fix: 'Start the script from a web server, or try it with "cgiup call PATH SCRIPT".',
    status: 500,
  },
  REQUEST_TOO_LARGE: {
    title: 'The request body is larger than allowed',
    fix: 'Send less, or raise the limit that the message names.',
    status: 413,
  },
  REQUEST_HEAD_TOO_LARGE: {
    title: 'The request has more header fields than allowed',
    fix: 'Send fewer header fields, or raise the limit that the message names.',
    status: 431,
  },
  REQUEST_HEAD_INVALID: {
    title: 'The head of a request is ambiguous',
    fix: 'No action is needed: the client or a proxy sent it. A request needs one valid Host field, and the length of its body only once.',
    status: 400,
  },
  REQUEST_CODING_UNKNOWN: {
    title: 'The request body has a transfer coding other than chunked',
    fix: 'Send the body with Transfer-Encoding: chunked, or with a Content-Length.',
    status: 501,
  },
  REQUEST_EXPECTATION_UNKNOWN: {
    title: 'The request expects something other than 100-continue',
    fix: 'Send it without the header Expect, or with Expect: 100-continue.',
    status: 417,
  },
  REQUEST_VERSION_UNKNOWN: {
    title: 'The HTTP version of the request is not 1.0 or 1.1',
    fix: 'Send HTTP/1.1.',
    status: 505,
  },
  REQUEST_URL_INVALID: {
    title: 'The URL of the request is not valid',
    fix: 'No action is needed: the client sent a broken Host header or request target.',
    status: 400,
  },
  REQUEST_TARGET_REFUSED: {
    title: 'The request target is ambiguous: access rules may have been applied to a different path',
    fix: 'No action is needed: no browser sends such a target, so it is an attack probe (docs/environment.md, "One reading").',
    status: 400,
  },
  REQUEST_DENIED: {
    title:
      'The web server denied this request, and then requested the denied path from the app as its error page',
    fix: 'Give the error page a path of its own (docs/environment.md, "Which request an app is asked for").',
    status: 403,
  },
  FORM_LIMIT: {
    title: 'A form is larger than allowed',
    fix: 'Send less, or raise the limit that the message names: form(request, { fileSize: … }).',
    status: 413,
  },
  FORM_MALFORMED: {
    title: 'A form is malformed: its body does not match its Content-Type',
    fix: 'Send the form again; if a program created it, compare its body with RFC 7578.',
    status: 400,
  },
  FORM_TYPE: {
    title: 'The request body is not a form that can be read',
    fix: 'Send application/x-www-form-urlencoded or multipart/form-data, not compressed.',
    status: 415,
  },
  FORM_STORE: {
    title: 'An uploaded file cannot be stored',
    fix: 'Create the directory that the message names, free space in it, or choose another one with TMPDIR or form(request, { directory: … }).',
    status: 500,
  },
  FORM_ENDED: {
    title: 'A file of a form was used after it had been deleted',
    fix: 'Keep it with "await file.move(path)" before the reply ends, or pass the work that needs it to waitUntil().',
    status: 500,
  },
  FCGI_VERSION: {
    title: 'The peer of a FastCGI connection does not speak FastCGI 1.0',
    fix: 'Point the web server at this port with its FastCGI module (fastcgi_pass, fcgi://).',
    status: 400,
  },
  FCGI_PROTOCOL: {
    title: 'The peer of a FastCGI connection violated the protocol',
    fix: 'The connection was closed; check the web server or proxy that sent this.',
    status: 400,
  },
  FCGI_PARAMS_LIMIT: {
    title: 'A FastCGI request has more or larger parameters than the limits allow',
    fix: 'Raise maxParamsBytes or maxParams if you want to serve such requests.',
    status: 431,
  },
  SCGI_NETSTRING: {
    title: 'The peer of an SCGI connection does not speak SCGI',
    fix: 'Point the web server at this port with its SCGI module (scgi_pass, scgi://).',
    status: 400,
  },
  SCGI_HEADERS: {
    title: 'The headers of an SCGI request violate the protocol',
    fix: 'Check the SCGI parameters of the web server: each name once, CONTENT_LENGTH first, SCGI=1.',
    status: 400,
  },
  SCGI_LIMIT: {
    title: 'An SCGI request has more or larger headers than the limits allow',
    fix: 'Raise maxParamsBytes or maxParams if you want to serve such requests.',
    status: 431,
  },
  REQUEST_TIMEOUT: {
    title: 'A request took longer than allowed',
    fix: 'Make the app faster, or raise the limit that the message names.',
    status: 503,
  },
  REQUEST_BODY_LONG: {
    title: 'The request body is longer than its announced length',
    fix: 'The web server or a proxy in front of it is at fault; check its log.',
    status: 400,
  },
  HEADER_INVALID: {
    title: 'A response header has a name or a value that HTTP does not allow',
    fix: 'Remove control characters (CR, LF, NUL) from the value and use letters, digits and "-" in the name.',
    status: 500,
  },
  STATUS_INVALID: {
    title: 'A response has a status that HTTP does not allow',
    fix: 'Answer with a status from 200 to 599.',
    status: 500,
  },
  CONTENT_LENGTH_INVALID: {
    title: 'A response has an invalid Content-Length',
    fix: 'Leave Content-Length out, or set it once, to the number of bytes of the body.',
    status: 500,
  },
  RESPONSE_INVALID: {
    title: 'A fetch app returned something that cannot be sent as a response',
    fix: 'Return a new Response from fetch(), or a promise of one, with a body that has not been read yet.',
    status: 500,
  },
  REPLY_INVALID: {
    title: 'A handler returned something that is not a reply',
    fix: 'Return { status, headers: [name, value, …], body }.',
    status: 500,
  },
  REPLY_BODY_LENGTH: {
    title: 'A streamed body had more or fewer bytes than its Content-Length',
    fix: 'Leave Content-Length out of streamed responses, or set it to the exact number of bytes.',
    status: 500,
  },
  PROGRAM_NO_OUTPUT: {
    title: 'A program ended without writing a reply',
    fix: 'Run it by hand and read its standard error; it has to print "Content-Type: …", an empty line, and the page.',
    status: 502,
  },
  PROGRAM_HEAD_INVALID: {
    title: 'The output of a program does not begin with a valid CGI head',
    fix: 'Print the header fields first, then an empty line, and nothing before them.',
    status: 502,
  },
  PROGRAM_HEAD_TOO_LARGE: {
    title: "The head of a program's output is larger than allowed",
    fix: 'Print fewer or shorter header fields, or an empty line after them.',
    status: 502,
  },
  PROGRAM_HEAD_INCOMPLETE: {
    title: 'The output of a program ended before its head was complete',
    fix: 'Print an empty line after the last header field, and flush the output before the program ends.',
    status: 502,
  },
  PROGRAM_NOT_STARTED: {
    title: 'A program cannot be started',
    fix: 'Make the file executable, give it a first line such as "#!/usr/bin/perl", or name its interpreter (--handler .pl=perl).',
    status: 502,
  },
  PROGRAM_KILLED: {
    title: 'A program was killed before its reply was complete',
    fix: 'Check its standard error and the system log: it crashed, ran out of memory, or was stopped.',
    status: 502,
  },
  PROGRAM_BODY_LENGTH: {
    title: 'A program wrote more or fewer bytes than its Content-Length announced',
    fix: 'Leave Content-Length out, or set it to the number of bytes (not characters) of the body.',
    status: 502,
  },
  PROGRAM_TIMEOUT: {
    title: 'A program took longer than allowed',
    fix: 'Make it faster, or raise the limit that the message names.',
    status: 504,
  },
  PROGRAM_REDIRECT_LOOP: {
    title: 'Programs redirect to one another in an endless loop',
    fix: 'Check the Location fields of the programs that the message names.',
    status: 500,
  },
  SCRIPTS_BUSY: {
    title: 'Too many scripts run at the same time',
    fix: 'Send the request again, or raise maxScripts (--max-scripts); an event stream counts for as long as it is open.',
    status: 503,
  },
  NO_RESOURCES: {
    title: 'The system has no file descriptors, processes, memory or disk space left for this request',
    fix: 'Send the request again; if it happens often, serve fewer requests at once or raise the limit of the system (ulimit -n, ulimit -u, TMPDIR).',
    status: 503,
  },
  APP_SHAPE: {
    title: 'This is not an app that cgiup can run',
    fix: 'Pass an object with fetch(request), a Node function (req, res), or a handler made with handler().',
    status: 500,
  },
  RESPONSE_DESTROYED: {
    title: 'The app destroyed its response before the end',
    fix: 'End every response with res.end(); the error passed to res.destroy(error) is shown here.',
    status: 500,
  },
  SERVER_UNKNOWN: {
    title: 'There is no server with that name',
    fix: 'Use one of the names that the message lists.',
    status: 500,
  },
  REPAIRS_INVALID: {
    title: 'There is no such repair, or it cannot be switched off',
    fix: 'Use names from docs/environment.md: CGIUP_REPAIRS=-name,-name, --no-repair name, or the option repairs.',
    status: 500,
  },
  ADDRESS_INVALID: {
    title: 'This is not an address to listen on',
    fix: 'Write host:port, :port, *:port, [::1]:port, a port, unix:/path or /path.',
    status: 500,
  },
  APP_FILE: {
    title: 'The app file cannot be loaded',
    fix: 'Pass the path of a JavaScript file that Node can load; see docs/run.md.',
    status: 500,
  },
  APP_MISSING: {
    title: 'The file contains no app',
    fix: 'Add "export default app" (or module.exports = app), call run(app), or have the app call listen().',
    status: 500,
  },
  LISTEN_TAKEN: {
    title: 'The address to listen on is in use',
    fix: 'Stop the other program, choose another port (--listen :8081), or use any free port with --listen :0.',
    status: 500,
  },
  LISTEN_FAILED: {
    title: 'The server cannot listen on that address',
    fix: 'Create what the message says is missing, or choose another address, port or socket path.',
    status: 500,
  },
  WORKER_FAILED: {
    title: 'A worker process did not start',
    fix: 'The output of the worker says why; "node FILE" without workers shows the same error.',
    status: 500,
  },
  FORM_SOURCE: {
    title: 'The argument of form() is not a request whose body can be read',
    fix: 'Pass the Request or req itself, before anything else has read the body.',
    status: 500,
  },
  USAGE: {
    title: 'An option or argument has an invalid value',
    fix: 'Correct the option or argument that the message names; docs/run.md and cgiup --help list the options.',
    status: 500,
  },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof errorTable

/** Common part of all errors that cgiup throws. */
export class CgiupError extends Error {
  /** Stable name of the error; a key of the table in docs/errors.md. */
  readonly code: ErrorCode
  /** HTTP status that fits this error. */
  readonly status: number
  /** What to do about it, one line. */
  readonly fix: string

  /**
   * @param detail what was seen, and where; one or two sentences. The table's title when absent.
   * @param options `status` if it differs from the table's.
   */
  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions & { readonly status?: number }) {
    const row: ErrorRow = errorTable[code]
    super(detail ?? row.title, options)
    this.name = new.target.name
    this.code = code
    this.status = options?.status ?? row.status
    this.fix = row.fix
  }
}

/** The request is at fault: what the client or the web server sent. */
export class RequestError extends CgiupError {}

/** The app is at fault: what the app returned or threw. */
export class AppError extends CgiupError {}

/** A program that cgiup runs (a CGI script, a back end) is at fault. */
export class ProgramError extends CgiupError {}

/** The machine is at fault: it has run out of some resource. */
export class SystemError extends CgiupError {}

const used: Readonly<Record<string, string>> = {
  EMFILE: 'this process has no file descriptors left (EMFILE)',
  ENFILE: 'the system has no file descriptors left (ENFILE)',
  EAGAIN: 'no more processes can be started (EAGAIN)',
  ENOMEM: 'there is no memory left (ENOMEM)',
  ENOBUFS: 'there is no memory left for sockets (ENOBUFS)',
  ENOSPC: 'the disk is full (ENOSPC)',
  EDQUOT: 'the disk quota is exceeded (EDQUOT)',
}

/**
 * The message for a system call that failed because the machine lacks resources; null for other errors.
 *
 * @param what could not be done, a sentence without its full stop
 */
export function shortage(error: unknown, what: string): SystemError | null {
  if (error instanceof SystemError) return error
  const { code } = error instanceof Error ? (error as { code?: unknown }) : {}
  const why = typeof code === 'string' && Object.hasOwn(used, code) ? used[code] : undefined
  return why === undefined ? null : new SystemError('NO_RESOURCES', `${what}: ${why}.`, { cause: error })
}

/** The call is at fault: options, arguments, command line. */
export class UsageError extends CgiupError {}
