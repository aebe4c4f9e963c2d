/** `run()` as an HTTP server: banner, access log, Ctrl-C. Loaded only in that case. */
import { constants } from 'node:os'
import { guardedAround } from '../app/decided-request.js'
import { toHandler } from '../app/handler.js'
import type { App, AppOptions } from '../app/types.js'
import { isDevelopment } from '../core/development.js'
import type { Handler } from '../core/exchange.js'
import { recordOutput } from '../core/recorded-output.js'
import { guardStandardStreams } from '../core/standard-streams.js'
import { accessLog } from '../host/access-log.js'
import { noticeProxies, warnOfPages } from '../host/development-notice.js'
import { reloadHint } from '../process/signals.js'
import { limitsOverHttp } from '../serve/limits.js'
import { sayWhyItEnds } from '../serve/process-end.js'
import type { Detected } from './detect.js'
import type { Running } from './options.js'
import { addressOf } from './place.js'
import type { RunPlan } from './resolve.js'

/** @throws UsageError ADDRESS_INVALID, LISTEN_TAKEN, LISTEN_FAILED; AppError APP_SHAPE */
export async function startHttp(app: App, plan: RunPlan, { why }: Detected): Promise<Running> {
  guardStandardStreams()
  const { socketMode, socketGroup } = plan.place
  const { allow } = plan.access
  const place = addressOf(plan, 'http')
  const handler = await httpHandler(app, plan)
  // Loaded here because from Node 22 on node:http also loads the platform's Response, which a FastCGI process
  // does not need.
  const { serveHttp } = await import('../http/server/server.js')
  const server = await serveHttp(handler, {
    ...place,
    ...(socketMode !== undefined && { socketMode }),
    ...(socketGroup !== undefined && { socketGroup }),
    ...limitsOverHttp(plan.limits),
    ...(allow && { allow }),
    onError: plan.onError,
    ...(!plan.quiet && { log: accessLog() }),
  })
  // A process that reads the banner may send a signal.
  const release = closeOnSignal(() => server.close(), reloadHint)
  warnOfPages(plan.development, server.address)
  if (!plan.quiet) {
    process.stderr.write(`cgiup: ${homeOf(server.url, plan.app.mount)} (HTTP: ${why}; Ctrl-C stops it)\n`)
  }
  const close = async () => {
    release()
    await server.close()
  }
  return { server: 'http', why, url: server.url, address: server.address, close }
}

/** Wraps an app for the HTTP server: adds the mount path, and keeps its output for the error page. */
export async function httpHandler(app: App, plan: RunPlan): Promise<Handler> {
  const { development } = plan
  const { withHostCheck } = await import('../host/host-check.js')
  const handler = await toHandler(app, plan.app)
  const recorded = isDevelopment('http', development) ? recordOutput(handler) : handler
  const whole = await mounted(recorded, plan.app)
  const guarded = whole === recorded ? whole : guardedAround(whole, handler)
  const { allowedHosts } = plan.access
  const checked = withHostCheck(guarded, {
    ...addressOf(plan, 'http'),
    ...(allowedHosts && { allowedHosts }),
    ...(development !== undefined && { development }),
  })
  return noticeProxies(checked, development)
}

/** The URL to open in a browser; a Unix socket has none. */
export function homeOf(url: string, mount = ''): string {
  return url.startsWith('unix:') ? url : `${url}${mount === '/' ? '' : mount}/`
}

async function mounted(handler: Handler, { mount = '' }: AppOptions): Promise<Handler> {
  if (mount === '' || mount === '/') return handler
  const { mountedAt } = await import('../host/mounted-at.js')
  return mountedAt(mount, handler)
}

/**
 * The first SIGINT, SIGTERM, SIGUSR2 or SIGHUP (a closed terminal) lets running requests finish. The second
 * of any kind ends the process and its child processes at once.
 *
 * @param hint a line for SIGUSR2, the reload signal of other servers
 * @returns removes the signal handlers
 */
export function closeOnSignal(close: () => Promise<void>, hint?: string): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGUSR2', 'SIGHUP'] as const
  let closing = false
  const stop = (signal: NodeJS.Signals) => {
    if (signal === 'SIGUSR2') {
      // This signal may also belong to the app, or to Node's heap snapshots and reports.
      if (process.listenerCount(signal) > 1) return
      if (hint && !closing) process.stderr.write(`cgiup: ${hint}\n`)
    }
    // An app with its own handlers ends the process itself.
    const others = process.listenerCount(signal) > 1
    if (closing && !others) {
      release()
      // The default action of a signal skips cleanup: scripts would keep running, and a Unix socket would
      // stay.
      sayWhyItEnds(`${signal} was received a second time`)
      process.emit('exit', 128 + constants.signals[signal])
      process.kill(process.pid, signal)
    }
    if (closing) return
    closing = true
    void close().finally(() => {
      release()
      if (!others) process.exit(0)
    })
  }
  const release = () => {
    for (const signal of signals) process.off(signal, stop)
  }
  for (const signal of signals) process.on(signal, stop)
  return release
}
