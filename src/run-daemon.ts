/** `run()` as a persistent process: FastCGI, SCGI, or HTTP on a socket that was handed over. */
import { resolve } from 'node:path'
import { type Address, parseAddress } from './address.js'
import type { App } from './app/handler.js'
import { installLightWeb } from './app/web/install.js'
import { endEarly } from './begin.js'
import { printToStderr } from './cgi/stdio.js'
import { AppFiles } from './daemon/changes.js'
import { type Daemon, type DaemonOptions, serveDaemon } from './daemon/daemon.js'
import type { Protocol } from './daemon/gate.js'
import { findManager, type Manager, socketPath, watchManager } from './daemon/manager.js'
import { checkProcessOptions } from './daemon/options.js'
import { renewal } from './daemon/recycle.js'
import { type Ending, endOnSignals } from './daemon/signals.js'
import type { Detected } from './detect.js'
import { accessLog } from './host/access-log.js'
import { handlerFor } from './roles.js'
import { currentLaunch, errorPage, type Running, type RunOptions } from './run.js'

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
  const place = placeOf(options, found)
  takeSystemdVariables()
  const handed = found.sockets !== undefined
  const manager = handed ? findManager(socketPath(found.sockets[0]?.fd ?? 0)) : undefined
  if (manager === 'gone') return endAtOnce(options)
  const development = options.development ?? process.env.NODE_ENV === 'development'
  // A Response of the platform costs as much as the rest of the request.
  installLightWeb()
  printToStderr()
  let ending: Ending | undefined
  const renewed = renewal(await handlerFor(app, options), {
    recycle: options.recycle,
    changed: changesOf(options, development, manager),
    changedEveryMs: CHANGED_EVERY_MS[development ? 'development' : 'production'],
    due: (why) => {
      say(options, `process ${process.pid} makes room for a fresh one: ${why}`)
      ending?.end(why)
    },
  })
  const daemon = await serveDaemon(renewed.handler, {
    ...place,
    ...(manager?.name === 'mod_fcgid' && { ownPath: true }),
    ...serviceOptions(options, development),
    logErrors: !handed,
    ...(!options.quiet && !handed && { log: accessLog() }),
  })
  // Under a manager stderr is the server's error log: it is told of trouble only.
  if (!handed) say(options, `${daemon.url} (${found.server}: ${found.why}; Ctrl-C stops it)`)
  process.off('SIGUSR1', endEarly)
  ending = endOnSignals({
    close: (graceMs) => daemon.close(graceMs),
    graceMs: options.graceMs ?? (manager?.name === 'mod_fcgid' ? FCGID_GRACE_MS : GRACE_MS),
    managed: manager !== undefined,
  })
  const unwatch = manager && watchManager(manager, () => ending.end(`${manager.name} has gone`))
  return running(found, daemon, () => {
    unwatch?.()
    renewed.stop()
    ending.release()
  })
}

function running({ server, why }: Detected, daemon: Daemon, release: () => void): Running {
  const close = async () => {
    release()
    await daemon.close()
  }
  return { server, why, url: daemon.url, address: daemon.address, close }
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

function serviceOptions(options: RunOptions, development: boolean): DaemonOptions {
  const webServerAddrs = process.env.FCGI_WEB_SERVER_ADDRS
  return {
    onError: options.onError ?? errorPage(development),
    ...(options.allow && { allow: options.allow }),
    ...(webServerAddrs && { webServerAddrs }),
    ...options.limits,
  }
}

/** Only where a fresh process is started may this one end because of a change, unless it was asked for. */
function changesOf(
  { restartOnChange }: RunOptions,
  development: boolean,
  manager: Manager | undefined,
): (() => string | null) | undefined {
  if (!(restartOnChange ?? (development && manager?.renews === true))) return undefined
  const file = currentLaunch()?.file ?? process.argv[1]
  if (file === undefined) return undefined
  const files = new AppFiles(resolve(file))
  return () => files.changed()
}

/** A socket that a launcher handed over may carry anything; a protocol that was asked for is the only one. */
function placeOf(options: RunOptions, { server: name, sockets }: Detected): DaemonOptions {
  const server = name === 'cgi' ? 'fastcgi' : name
  const all: readonly Protocol[] = [server, server === 'scgi' ? 'fastcgi' : 'scgi', 'http']
  const asked = (options.server ?? 'auto') !== 'auto' || Boolean(process.env.CGIUP_SERVER)
  const protocols = sockets === undefined || asked ? [server] : all
  if (sockets === undefined) return { ...addressOf(options, server), ...ownerOf(options), protocols }
  return {
    sockets: sockets.map(({ fd, protocol }) => ({ fd, protocols: protocol ? [protocol] : protocols })),
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
