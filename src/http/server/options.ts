/** The options and events of an HTTP server. */
import type { AddressInfo, Socket } from 'node:net'
import type { Exchange, Reply } from '../../core/exchange.js'
import type { LimitOptions } from '../../core/limits/limit.js'
import type { httpLimits } from '../../core/limits/requests.js'
import type { AdmissionOptions } from '../../socket/admission.js'
import type { ListenOptions } from '../../socket/listen.js'

export interface HttpOptions
  extends ListenOptions,
    LimitOptions<typeof httpLimits>,
    Pick<AdmissionOptions, 'allow'> {
  /** Makes the reply when the handler fails. Default: a plain page with the error's status. */
  readonly onError?: (error: unknown, exchange: Exchange) => Reply | Promise<Reply>
  /** Called once for each request, when its reply has ended. */
  readonly log?: (entry: AccessEntry) => void
  /** Receives diagnostics. Default: writes to `process.stderr`. */
  readonly stderr?: (text: string) => void
  /** True when other processes may serve the same app at the same time. Default false. */
  readonly multiprocess?: boolean
  /**
   * The socket comes from a launcher (systemd, a web server), so a gateway is in front: requests have no
   * `peer`, and development pages need NODE_ENV=development. Default false.
   */
  readonly handedOver?: boolean
}

/** One finished request, for the access log. */
export interface AccessEntry {
  readonly remoteAddress: string
  readonly method: string
  readonly target: string
  readonly httpVersion: string
  readonly status: number
  /** Body bytes written to the connection. */
  readonly bytes: number
  /** From the end of the request head to the end of the reply, in milliseconds. */
  readonly ms: number
  /** The client got only part of the reply. */
  readonly cut: boolean
  readonly referer: string | undefined
  readonly userAgent: string | undefined
}

export interface CloseOptions {
  /** How long running requests may take to finish, in milliseconds; then they are aborted. Default 5000. */
  readonly graceMs?: number
  /**
   * How long idle connections stay open for requests in transit, in milliseconds. Default 0. Meanwhile
   * replies say `Connection: close`.
   */
  readonly idleGraceMs?: number
}

export interface HttpServer {
  /** `http://127.0.0.1:8080`, `http://[::1]:8080`, or `unix:/run/app.sock`. */
  readonly url: string
  readonly address: AddressInfo | string
  /** Stops listening, closes idle connections and waits for running requests. May be called twice. */
  close(options?: CloseOptions): Promise<void>
}

/** Serves connections that another component accepts. */
export interface HttpAcceptor {
  accept(socket: Socket): void
  /** From now on each connection closes after its current reply. */
  retire(): void
  /** As {@link HttpServer.close}. */
  close(options?: CloseOptions): Promise<void>
}
