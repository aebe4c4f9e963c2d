/**
 * For programs that start their own server and know nothing of gateways:
 * `node --import cgiup/listen app.js`, or `import 'cgiup/listen'` before anything else.
 *
 * Under a gateway the first HTTP server that is told to listen does not, and answers through the
 * gateway. Without one nothing changes.
 *
 * @module
 */
import './index.js'
import { serveListener } from './run/serve-listener.js'

serveListener()
