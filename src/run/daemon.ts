/** `run()` as a persistent process: FastCGI, SCGI, or HTTP on a socket that was handed over. */
import { resolve } from 'node:path'
import type { App } from '../app/types.js'
import { installLightWeb } from '../app/web/install.js'
import { printToStderr } from '../cgi/child/stdio.js'
import { isDevelopment } from '../core/development.js'
import { guardStandardStreams } from '../core/standard-streams.js'
import { accessLog } from '../host/access-log.js'
import { warnOfPages } from '../host/development-notice.js'
import { AppFiles } from '../process/changes.js'
import { type Daemon, type DaemonOptions, serveDaemon } from '../process/daemon.js'
import { findManager, type Manager, runsSeveral, watchManager } from '../process/manager.js'
import { checkProcessOptions } from '../process/options.js'
import type { Protocol } from '../process/protocol-gate.js'
import { renewal } from '../process/recycle.js'
import { endOnSignals, type GracefulEnd } from '../process/signals.js'
import { signalWhileLoading } from '../process/signals-while-loading.js'
import { currentWorker, type Worker, type WorkerEnd } from '../process/worker.js'
import { type Address, parseAddress } from '../socket/address.js'
import { socketPath } from '../socket/socket-path.js'
import { endEarly } from './begin.js'
import type { Detected } from './detect.js'
import { errorPage } from './error-page.js'
import { homeOf, httpHandler } from './http.js'
import { currentLaunch } from './launch-state.js'
import type { Running, RunOptions } from './options.js'
import { handlerFor } from './roles.js'

/** Without an address: php-fpm's port, and the one of SCGI's first server. */
const defaultPort = { fastcgi: 9000, scgi: 4000, http: 8080 }

/** mod_fcgid sends SIGKILL about 8 s after its first SIGTERM. */
const FCGID_GRACE_MS = 7000
const GRACE_MS = 30_000

/** How often the files of the app are looked at: a person reloads the page half a second after saving. */
const CHANGED_EVERY_MS = { development: 250, production: 1000 }

/** @throws UsageError ADDRESS_INVALID, LISTEN_TAKEN, LISTEN_FAILED, USAGE; AppError APP_SHAPE */
export async function startDaemon(app: App, options: RunOptions, found: Detected): Promise<Running> {
  checkProcessOptions(options)
  guardStandardStreams()
  const place = placeOf(options, found)
  takeSystemdVariables()
  const handed = found.sockets !== undefined
  const worker = currentWorker()
  const manager = handed ? managerOf(found, worker, options) : undefined
  const http = found.server === 'http' && !handed
  const development = isDevelopment(http ? 'http' : 'fastcgi', options.development)
  // A Response of the platform costs as much as the rest of the request.
  installLightWeb()
  if (!http) printToStderr()
  let ending: GracefulEnd | undefined
  const handler = await (http ? httpHandler(app, options) : handlerFor(app, options))
  await worker?.wanted()
  const renewed = renewal(worker?.handlerOf(handler) ?? handler, {
    recycle: options.recycle,
    changed: changesOf(options, development && (worker !== undefined || manager?.renews === true)),
    changedEveryMs: CHANGED_EVERY_MS[development ? 'development' : 'production'],
    due: (why) => {
      say(options, `process ${process.pid} is recycled: ${why}`)
      ending?.end(why)
    },
  })
  const listening = serveDaemon(renewed.handler, {
    ...place,
    ...(manager?.name === 'mod_fcgid' && !worker && { ownPath: true }),
    ...(worker && { share: worker.share }),
    multiprocess: (worker?.facts.workers ?? 1) > 1 || isOneOfMany(found, manager),
    ...serviceOptions(options),
    // The stderr of what a web server started is the log of that server.
    logErrors: manager === undefined || manager.name === 'multiwatch',
    ...(!options.quiet && !handed && { log: accessLog() }),
  })
  const close: WorkerEnd['close'] = (graceMs, handOver) =>
    listening.then(
      (daemon) => daemon.close(graceMs, handOver),
      () => {},
    )
  const graceMs = options.graceMs ?? (manager?.name === 'mod_fcgid' ? FCGID_GRACE_MS : GRACE_MS)
  // Who sees the socket may send a signal: it is looked after before there is one.
  const signals = worker ? undefined : endOnSignals({ close, graceMs, managed: manager !== undefined })
  process.off('SIGUSR1', endEarly)
  ending = signals
  const daemon = await listening.catch((error) => {
    signals?.release()
    renewed.stop()
    throw error
  })
  if (http) warnOfPages(options.development, daemon.address)
  // Under a manager stderr is the server's error log: it is told of trouble only.
  if (!handed && !worker) say(options, banner(found, daemon, options))
  ending ??= worker?.serve(servingOf(found, daemon, options), { close, graceMs, adopt: daemon.adopt })
  const told = signalWhileLoading()
  if (told) setImmediate(() => ending?.end(`${told} came while the app was loaded`))
  const unwatch = manager && !worker && watchManager(manager, () => ending?.end(`${manager.name} has gone`))
  return running(found, daemon, worker, graceMs, () => {
    if (unwatch) unwatch()
    renewed.stop()
    ending?.release()
  })
}

function banner({ server, why }: Detected, { url }: Daemon, { mount }: RunOptions): string {
  const where = server === 'http' ? `${homeOf(url, mount)} (HTTP` : `${url} (${server}`
  return `${where}: ${why}; Ctrl-C stops it)`
}

function running(
  { server, why }: Detected,
  { url, address, close: closeDaemon }: Daemon,
  worker: Worker | undefined,
  graceMs: number,
  release: () => void,
): Running {
  const close = async () => {
    release()
    await closeDaemon(graceMs)
  }
  return { server, why, ...(worker && { role: 'worker' }), url, address, close }
}

function servingOf({ server, why }: Detected, { url, address }: Daemon, options: RunOptions) {
  return { server: server as Protocol, why, url, address, quiet: options.quiet ?? false }
}

/** systemd starts one process for a socket; whoever gives it as descriptor 0 may have started several. */
function isOneOfMany({ sockets = [] }: Detected, manager: Manager | undefined): boolean {
  return sockets[0]?.fd === 0 && runsSeveral(manager, socketPath(0))
}

/** The end of a worker's manager is its primary's business. */
function managerOf(
  { sockets = [] }: Detected,
  worker: Worker | undefined,
  options: RunOptions,
): Manager | undefined {
  const manager = findManager(socketPath(sockets[0]?.fd ?? 0))
  if (manager !== 'gone') return manager
  return worker ? undefined : endAtOnce(options)
}

function say({ quiet }: RunOptions, line: string): void {
  if (!quiet) process.stderr.write(`cgiup: ${line}\n`)
}

/** Nobody knows the socket any more. */
function endAtOnce(options: RunOptions): never {
  say(options, 'the server that started this process has gone')
  process.exit(0)
}

/** sd_listen_fds(3): the variables are for this process; what it starts is not to inherit them. */
function takeSystemdVariables(): void {
  for (const name of ['LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PID', 'LISTEN_PIDFDID'])
    delete process.env[name]
}

function serviceOptions(options: RunOptions): DaemonOptions {
  const webServerAddrs = process.env.FCGI_WEB_SERVER_ADDRS
  return {
    onError: options.onError ?? errorPage(options.development),
    ...(options.allow && { allow: options.allow }),
    ...(webServerAddrs && { webServerAddrs }),
    ...options.limits,
  }
}

/** Only where a fresh process is started may this one end because of a change, unless it was asked for. */
function changesOf({ restartOnChange }: RunOptions, byDefault: boolean): (() => string | null) | undefined {
  if (!(restartOnChange ?? byDefault)) return undefined
  const file = currentLaunch()?.file ?? process.argv[1]
  if (file === undefined) return undefined
  const files = new AppFiles(resolve(file))
  return () => files.changed()
}

/**
 * A socket that a launcher handed over may carry anything; a protocol that was asked for is the only one. HTTP
 * over TCP has to be asked for: whoever reaches the port would pass by the rules of the web server in front.
 */
function placeOf(options: RunOptions, { server: name, sockets }: Detected): DaemonOptions {
  const server = name === 'cgi' ? 'fastcgi' : name
  const gateways: readonly Protocol[] = [server, server === 'scgi' ? 'fastcgi' : 'scgi']
  if (sockets === undefined) {
    return { ...addressOf(options, server), ...ownerOf(options), protocols: [server] }
  }
  const isName = (choice = '') => choice !== '' && choice.toLowerCase() !== 'auto'
  const asked = isName(options.server) || isName(process.env.CGIUP_SERVER)
  return {
    sockets: sockets.map(({ fd, protocol }) => {
      if (protocol !== undefined) return { fd, protocols: [protocol] }
      if (asked) return { fd, protocols: [server] }
      return { fd, protocols: [...gateways, 'http'], protocolsOverTcp: gateways }
    }),
  }
}

function addressOf({ listen, host, port }: RunOptions, server: 'fastcgi' | 'scgi' | 'http'): Address {
  if (listen !== undefined) return { ...(host !== undefined && { host }), ...parseAddress(listen) }
  return { ...(host !== undefined && { host }), port: port ?? defaultPort[server] }
}

function ownerOf({ socketMode, socketGroup }: RunOptions): DaemonOptions {
  return {
    ...(socketMode !== undefined && { socketMode }),
    ...(socketGroup !== undefined && { socketGroup }),
  }
}
