/** The shared behaviour suite, with real servers in front of the apps. */

import { suite } from '../cases/suite.js'
import { needs } from '../support/needs.js'
import { gateway } from './gateway.js'
import { startApache } from './sites/apache.js'
import { startCaddySuite } from './sites/caddy.js'
import { startHaproxySuite } from './sites/haproxy.js'
import { startLighttpd } from './sites/lighttpd.js'
import { startNginx } from './sites/nginx.js'

const wholeAnyway = 'without a length this server ends what the script has written as if it were whole'

const apache = {
  'repeated cookies are joined with a semicolon': 'Apache joins them with a comma',
  'a body that fails is cut off, not ended': wholeAnyway,
  'a body shorter than its Content-Length is cut off':
    'Apache recounts when it finds the script ended at its first look',
}

const lighttpd = {
  'method POST': 'lighttpd answers 411 to a POST without a length',
  'escapes that are not UTF-8': 'lighttpd answers 400',
  'a GET with a body': 'lighttpd answers 400',
  'a header without value': 'lighttpd drops it',
  'no body: neither Content-Length nor Content-Type': 'the variable itself: lighttpd sets CONTENT_LENGTH=0',
  "the app's own reason": 'lighttpd puts the standard reason in its place',
  'a body that fails is cut off, not ended': wholeAnyway,
}

const nginx = {
  'mounted: the mount path itself is the root':
    'with a rewrite and nothing behind the mount path, no variable tells it: option mount',
  'no body: neither Content-Length nor Content-Type': 'the variables themselves: nginx sets them empty',
  'no user without authentication': 'the variable itself: nginx sets REMOTE_USER empty',
  'a body that fails is cut off, not ended': wholeAnyway,
}

const unresolved = 'it resolves none: 400'

const caddy = {
  'dot segments that the server has resolved': unresolved,
  'repeated cookies are joined with a semicolon': 'Caddy joins them with a comma',
  'no body: neither Content-Length nor Content-Type': 'the variables themselves: Caddy sets them',
  'no user without authentication': 'the variable itself: Caddy sets REMOTE_USER empty',
  "the app's own reason": 'Caddy puts the standard reason in its place',
  'a body that fails is cut off, not ended':
    'Caddy 2.6 logs the break, and ends the reply as if it were whole',
  'diagnostics of a request': 'Caddy 2.6 throws FCGI_STDERR away',
}

const buffer = 'HAProxy answers 400 to chunked uploads over its buffer of 16 KB'

const haproxy = {
  'dot segments that the server has resolved': unresolved,
  'mounted: the mount path itself is the root': 'HAProxy tells no PATH_INFO there: option mount',
  'no body: neither Content-Length nor Content-Type': 'the variable itself: HAProxy sets CONTENT_LENGTH=0',
  'variables of CGI reach the app': 'HAProxy tells no PATH_INFO at the root',
  '1 MiB without a length': buffer,
  'a body without a length that the app does not read': buffer,
}

suite([
  ...(needs('apache2')
    ? [
        gateway('Apache mod_cgi', () => startApache('prefork'), apache),
        gateway('Apache mod_cgid', () => startApache('event'), apache),
      ]
    : []),
  ...(needs('lighttpd') ? [gateway('lighttpd', startLighttpd, lighttpd)] : []),
  ...(needs('caddy', 'spawn-fcgi') ? [gateway('Caddy, FastCGI', startCaddySuite, caddy)] : []),
  ...(needs('haproxy', 'spawn-fcgi') ? [gateway('HAProxy', startHaproxySuite, haproxy)] : []),
  ...(needs('nginx', 'fcgiwrap') ? [gateway('nginx and fcgiwrap', startNginx, nginx)] : []),
])
