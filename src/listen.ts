/**
 * `cgiup/listen`: for programs that start their own server and know nothing of gateways: `node --import
 * cgiup/listen app.js`, or `import 'cgiup/listen'` before anything else.
 *
 * Under a gateway, the first HTTP server that calls `listen()` opens no port and answers through the gateway
 * instead. Without a gateway nothing changes.
 *
 * @module
 */
import './index.js'
import { serveListener } from './run/serve-listener.js'

serveListener()
