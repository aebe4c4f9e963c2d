/** `run()` as a persistent process: FastCGI, SCGI, or HTTP on an inherited socket. */

import { resolve } from 'node:path'
import { toHandler } from '../app/handler.js'
import type { App } from '../app/types.js'
import { installLightWeb } from '../app/web/install.js'
import { printToStderr } from '../cgi/child/stdio.js'
import { isDevelopment } from '../core/development.js'
import type { Handler } from '../core/exchange.js'
import { guardStandardStreams } from '../core/standard-streams.js'
import { accessLog } from '../host/access-log.js'
import { warnOfPages } from '../host/development-notice.js'
import { AppFiles } from '../process/changes.js'
import { type Daemon, type DaemonOptions, serveDaemon } from '../process/daemon.js'
import { findManager, type Manager, runsSeveral, watchManager } from '../process/manager.js'
import type { Protocol } from '../process/protocol-gate.js'
import { renewal } from '../process/recycle.js'
import { endOnSignals, type GracefulEnd } from '../process/signals.js'
import { signalWhileLoading } from '../process/signals-while-loading.js'
import { currentWorker, type Worker, type WorkerEnd } from '../process/worker.js'
import { socketPath } from '../socket/unix-socket.js'
import { endEarly } from './begin.js'
import type { Detected } from './detect.js'
import { homeOf, httpHandler } from './http.js'
import { currentLaunch } from './launch-state.js'
import type { Running } from './options.js'
import { addressOf } from './place.js'
import type { RunPlan } from './resolve.js'

/** mod_fcgid sends SIGKILL about 8 s after its first SIGTERM. */
const fcgidGraceMs = 7000
const defaultGraceMs = 30_000

/**
 * How often the files of the app are checked, in milliseconds: a developer reloads the page half a second
 * after saving.
 */
const checkEveryMs = { development: 250, production: 1000 }

/** @throws UsageError ADDRESS_INVALID, LISTEN_TAKEN, LISTEN_FAILED, USAGE; AppError APP_SHAPE */
export async function startDaemon(app: App, plan: RunPlan, found: Detected): Promise<Running> {
  guardStandardStreams()
  const place = placeOf(plan, found)
  takeSystemdVariables()
  const handed = found.sockets !== undefined
  const worker = currentWorker()
  const manager = handed ? managerOf(found, worker, plan) : undefined
  const http = found.server === 'http' && !handed
  const development = isDevelopment(http ? 'http' : 'fastcgi', plan.development)
  // A platform Response costs as much as the rest of the request.
  installLightWeb()
  if (!http) printToStderr()
  let ending: GracefulEnd | undefined
  const handler = await (http ? httpHandler(app, plan) : handlerFor(app, plan))
  await worker?.wanted()
  const renewed = renewal(worker?.handlerOf(handler) ?? handler, {
    recycle: plan.life.recycle,
    changed: changesOf(plan, development && (worker !== undefined || manager?.renews === true)),
    changedEveryMs: checkEveryMs[development ? 'development' : 'production'],
    due: (why) => {
      say(plan, `process ${process.pid} is recycled: ${why}`)
      ending?.end(why)
    },
  })
  const listening = serveDaemon(renewed.handler, {
    ...place,
    ...(manager?.name === 'mod_fcgid' && !worker && { ownPath: true }),
    ...(worker && { share: worker.share }),
    multiprocess: (worker?.facts.workers ?? 1) > 1 || isOneOfMany(found, manager),
    ...serviceOptions(plan),
    // Under a web server, stderr is the server's error log.
    logErrors: manager === undefined || manager.name === 'multiwatch',
    ...(!plan.quiet && !handed && { log: accessLog() }),
  })
  const close: WorkerEnd['close'] = (graceMs, handOver) =>
    listening.then(
      (daemon) => daemon.close(graceMs, handOver),
      () => {},
    )
  const graceMs = plan.life.graceMs ?? (manager?.name === 'mod_fcgid' ? fcgidGraceMs : defaultGraceMs)
  // A process that sees the socket may send a signal, so the handlers are installed first.
  const signals = worker ? undefined : endOnSignals({ close, graceMs, managed: manager !== undefined })
  process.off('SIGUSR1', endEarly)
  ending = signals
  const daemon = await listening.catch((error) => {
    signals?.release()
    renewed.stop()
    throw error
  })
  if (http) warnOfPages(plan.development, daemon.address)
  // Under a manager stderr is the server's error log: only errors go there.
  if (!handed && !worker) say(plan, banner(found, daemon, plan))
  ending ??= worker?.serve(servingOf(found, daemon, plan), { close, graceMs, adopt: daemon.adopt })
  const told = signalWhileLoading()
  if (told) setImmediate(() => ending?.end(`${told} arrived while the app was being loaded`))
  const unwatch = manager && !worker && watchManager(manager, () => ending?.end(`${manager.name} has exited`))
  return running(found, daemon, worker, graceMs, () => {
    if (unwatch) unwatch()
    renewed.stop()
    ending?.release()
  })
}

function banner({ server, why }: Detected, { url }: Daemon, { app }: RunPlan): string {
  const where = server === 'http' ? `${homeOf(url, app.mount)} (HTTP` : `${url} (${server}`
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

function servingOf({ server, why }: Detected, { url, address }: Daemon, plan: RunPlan) {
  return { server: server as Protocol, why, url, address, quiet: plan.quiet }
}

/**
 * systemd starts one process for a socket; other launchers that pass it as descriptor 0 may have started
 * several.
 */
function isOneOfMany({ sockets = [] }: Detected, manager: Manager | undefined): boolean {
  return sockets[0]?.fd === 0 && runsSeveral(manager, socketPath(0))
}

/** The primary watches the manager for its workers. */
function managerOf(
  { sockets = [] }: Detected,
  worker: Worker | undefined,
  plan: RunPlan,
): Manager | undefined {
  const manager = findManager(socketPath(sockets[0]?.fd ?? 0))
  if (manager !== 'gone') return manager
  return worker ? undefined : endAtOnce(plan)
}

function say({ quiet }: RunPlan, line: string): void {
  if (!quiet) process.stderr.write(`cgiup: ${line}\n`)
}

/** Does not wait for requests: without that server no client can reach the socket. */
function endAtOnce(plan: RunPlan): never {
  say(plan, 'the server that started this process has exited')
  process.exit(0)
}

/** sd_listen_fds(3): the variables are for this process only; child processes must not inherit them. */
function takeSystemdVariables(): void {
  for (const name of ['LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PID', 'LISTEN_PIDFDID'])
    delete process.env[name]
}

function serviceOptions(plan: RunPlan): DaemonOptions {
  const webServerAddrs = process.env.FCGI_WEB_SERVER_ADDRS
  return {
    onError: plan.onError,
    ...(plan.access.allow && { allow: plan.access.allow }),
    ...(webServerAddrs && { webServerAddrs }),
    ...plan.limits,
  }
}

/** A change may end this process only if something starts a new one, or the caller asked for it. */
function changesOf({ life }: RunPlan, byDefault: boolean): (() => string | null) | undefined {
  if (!(life.restartOnChange ?? byDefault)) return undefined
  const file = currentLaunch()?.file ?? process.argv[1]
  if (file === undefined) return undefined
  const files = new AppFiles(resolve(file))
  return () => files.changed()
}

/**
 * An inherited socket may carry any protocol; a protocol that was asked for is the only one. HTTP over TCP
 * must be asked for: clients that reach the port would bypass the access rules of the web server in front.
 */
function placeOf(plan: RunPlan, { server: name, sockets }: Detected): DaemonOptions {
  const server = name === 'cgi' ? 'fastcgi' : name
  const gateways: readonly Protocol[] = [server, server === 'scgi' ? 'fastcgi' : 'scgi']
  if (sockets === undefined) {
    return { ...addressOf(plan, server), ...ownerOf(plan), protocols: [server] }
  }
  const isName = (choice = '') => choice !== '' && choice.toLowerCase() !== 'auto'
  const asked = isName(plan.server) || isName(process.env.CGIUP_SERVER)
  return {
    sockets: sockets.map(({ fd, protocol }) => {
      if (protocol !== undefined) return { fd, protocols: [protocol] }
      if (asked) return { fd, protocols: [server] }
      return { fd, protocols: [...gateways, 'http'], protocolsOverTcp: gateways }
    }),
  }
}

function ownerOf({ place: { socketMode, socketGroup } }: RunPlan): DaemonOptions {
  return {
    ...(socketMode !== undefined && { socketMode }),
    ...(socketGroup !== undefined && { socketGroup }),
  }
}

/**
 * One handler for all roles, or separate handlers by role.
 *
 * @throws AppError APP_SHAPE
 */
export async function handlerFor(app: App, { app: view, roles: own }: RunPlan): Promise<Handler> {
  const main = await toHandler(app, view)
  if (!own.authorizer && !own.filter) return main
  const roles = {
    responder: main,
    authorizer: own.authorizer ? await toHandler(own.authorizer, view) : main,
    filter: own.filter ? await toHandler(own.filter, view) : main,
  }
  return (exchange) => roles[exchange.gateway.role](exchange)
}
