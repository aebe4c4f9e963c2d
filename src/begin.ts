/** What is done when the package is imported, before the app's own code runs. */
import { installLightWeb } from './app/web/install.js'
import { takeStdout } from './cgi/stdio.js'
import { detect, stdinKind } from './detect.js'

/**
 * In a process that a web server started as a CGI script: takes stdout, which is the reply (RFC 3875
 * section 6.1), and spares the process the platform's web classes. Imports run before the script's
 * own code, so this is the last moment for both.
 *
 * @param ended called when such a process ends.
 */
export function beginScript(ended?: () => void): void {
  if (!startedAsCgi()) return
  takeStdout()
  installLightWeb()
  if (ended) process.once('exit', ended)
}

function startedAsCgi(): boolean {
  try {
    return detect({ env: process.env, stdin: stdinKind, pid: process.pid }).server === 'cgi'
  } catch {
    return false // CGIUP_SERVER names no server: run() says so.
  }
}
