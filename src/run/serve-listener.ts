/** Serves a program that calls `server.listen()` under a gateway: its server answers through the gateway. */
import { catchListen } from '../app/listen.js'
import { detect, stdinKind } from './detect.js'
import { run } from './run.js'

/** Catches the first HTTP server that calls `listen()`, and serves it. Does nothing without a gateway. */
export function serveListener(): void {
  const { server } = detect({ env: process.env, stdin: stdinKind, pid: process.pid })
  if (server === 'http') return
  const trap = catchListen()
  void trap.first().then((caught) => {
    trap.release()
    if (caught !== null) return run(caught.server)
    process.stderr.write('cgiup/listen: the program exited without starting a server that listens.\n')
    process.exitCode = 1
    return undefined
  })
}
