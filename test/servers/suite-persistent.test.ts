/** The shared behaviour suite through nginx, lighttpd and h2o, with persistent processes behind them. */

import { suite } from '../cases/suite.js'
import { needs } from '../support/needs.js'
import { gateway } from './gateway.js'
import { startH2oSuite } from './sites/h2o.js'
import { startLighttpdSuite } from './sites/lighttpd-persistent.js'
import { startNginxSuite } from './sites/nginx-persistent.js'

const overScgi = 'in SCGI the end of the connection is the end of the reply'

const closed = 'nginx closes the connection without a byte of it'

const nginx = {
  'no body: neither Content-Length nor Content-Type': 'the variables themselves: nginx sets them empty',
  'variables of CGI reach the app': 'nginx sets no PATH_INFO at the root',
  'a body that fails is cut off, not ended': closed,
  'a body shorter than its Content-Length is cut off': closed,
}

const fastcgi = {
  ...nginx,
  'no user without authentication': 'the variable itself: nginx sets REMOTE_USER empty',
}

const scgi = {
  ...nginx,
  'a body that fails is cut off, not ended': overScgi,
  'Host determines the origin': 'the scgi_params of Debian drop the port of Host',
}

const lighttpd = {
  'method POST': 'lighttpd answers 411 to a POST without a length',
  'escapes that are not UTF-8': 'lighttpd answers 400',
  'a GET with a body': 'lighttpd answers 400',
  'a header without value': 'lighttpd drops it',
  'no body: neither Content-Length nor Content-Type': 'the variable itself: lighttpd sets CONTENT_LENGTH=0',
  "the app's own reason": 'lighttpd puts the standard reason in its place',
}

const lighttpdFastcgi = {
  ...lighttpd,
  'a body that fails is cut off, not ended':
    'lighttpd takes it for whole when the break comes before it has sent the head; see its matrix for one that comes later',
}

const lighttpdScgi = { ...lighttpd, 'a body that fails is cut off, not ended': overScgi }

const h2o = {
  'a body that fails is cut off, not ended': 'h2o takes the end of the connection for the end of the reply',
}

suite([
  ...(needs('nginx', 'spawn-fcgi')
    ? [
        gateway('nginx fastcgi_pass', () => startNginxSuite('fastcgi'), fastcgi),
        gateway('nginx scgi_pass', () => startNginxSuite('scgi'), scgi),
      ]
    : []),
  ...(needs('lighttpd', 'spawn-fcgi')
    ? [
        gateway('lighttpd mod_fastcgi', () => startLighttpdSuite('fastcgi'), lighttpdFastcgi),
        gateway('lighttpd mod_scgi', () => startLighttpdSuite('scgi'), lighttpdScgi),
      ]
    : []),
  ...(needs('h2o') ? [gateway('h2o', startH2oSuite, h2o)] : []),
])
