/** `run()` as a persistent FastCGI or SCGI process. Loaded only where it is one. */
import { type Address, parseAddress } from './address.js'
import { type App, toHandler } from './app/handler.js'
import { installLightWeb } from './app/web/install.js'
import { printToStderr } from './cgi/stdio.js'
import { serveDaemon } from './daemon/daemon.js'
import type { Protocol } from './daemon/gate.js'
import { managerName, watchManager } from './daemon/manager.js'
import { endOnSignals } from './daemon/signals.js'
import type { Detected } from './detect.js'
import { accessLog } from './host/access-log.js'
import { errorPage, type Running, type RunOptions } from './run.js'

/** Without an address: php-fpm's port, and the one of SCGI's first server. */
const defaultPort = { fastcgi: 9000, scgi: 4000 }

/** @throws UsageError ADDRESS_INVALID, LISTEN_TAKEN, LISTEN_FAILED, USAGE; AppError APP_SHAPE */
export async function startDaemon(app: App, options: RunOptions, found: Detected): Promise<Running> {
  const { why, fd } = found
  const server = found.server === 'scgi' ? 'scgi' : 'fastcgi'
  const development = options.development ?? process.env.NODE_ENV === 'development'
  // A Response of the platform costs as much as the rest of the request.
  installLightWeb()
  printToStderr()
  const handler = await toHandler(app, options)
  const webServerAddrs = process.env.FCGI_WEB_SERVER_ADDRS
  const daemon = await serveDaemon(handler, {
    ...(fd === undefined ? placeOf(options, server) : { fd }),
    protocols: protocolsOf(options, server, fd),
    logErrors: fd === undefined,
    onError: options.onError ?? errorPage(development),
    ...(options.allow && { allow: options.allow }),
    ...(webServerAddrs && { webServerAddrs }),
    ...options.limits,
    ...(!options.quiet && fd === undefined && { log: accessLog() }),
  })
  // Under a manager stderr is the server's error log: it is told of trouble only.
  if (!options.quiet && fd === undefined)
    process.stderr.write(`cgiup: ${daemon.url} (${server}: ${why}; Ctrl-C stops it)\n`)
  const manager = fd === undefined ? undefined : managerName()
  const ending = endOnSignals({
    close: (graceMs) => daemon.close(graceMs),
    graceMs: options.graceMs ?? (manager === 'apache2' || manager === 'httpd' ? 7000 : 30_000),
    managed: manager !== undefined,
  })
  const unwatch = manager === undefined ? undefined : watchManager(() => ending.end(`${manager} has gone`))
  const close = async () => {
    unwatch?.()
    ending.release()
    await daemon.close()
  }
  return { server, why, url: daemon.url, address: daemon.address, close }
}

/** A socket that a launcher handed over may carry anything; a protocol that was asked for is the only one. */
function protocolsOf(
  options: RunOptions,
  server: 'fastcgi' | 'scgi',
  fd: number | undefined,
): readonly Protocol[] {
  return fd !== undefined && (options.server ?? 'auto') === 'auto' && !process.env.CGIUP_SERVER
    ? [server, server === 'scgi' ? 'fastcgi' : 'scgi', 'http']
    : [server]
}

function placeOf({ listen, host, port }: RunOptions, server: 'fastcgi' | 'scgi'): Address {
  if (listen !== undefined) return { ...(host !== undefined && { host }), ...parseAddress(listen) }
  return { ...(host !== undefined && { host }), port: port ?? defaultPort[server] }
}
