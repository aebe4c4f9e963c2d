/**
 * For programs that start their own server and know nothing of gateways:
 * `node --import cgiup/listen app.js`, or `import 'cgiup/listen'` before anything else.
 *
 * Under a gateway the first HTTP server that is told to listen does not, and answers through the
 * gateway. Without one nothing changes.
 *
 * @module
 */
import { catchListen } from './app/listen.js'
import { run } from './index.js'
import { detect, stdinKind } from './run/detect.js'

const { server } = detect({ env: process.env, stdin: stdinKind, pid: process.pid })

if (server !== 'http') {
  const trap = catchListen()
  void trap.first().then((caught) => {
    trap.release()
    if (caught !== null) return run(caught.server)
    process.stderr.write('cgiup/listen: the program ended without a server that listens.\n')
    process.exitCode = 1
    return undefined
  })
}
