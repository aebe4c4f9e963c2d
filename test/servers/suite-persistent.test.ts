/** The shared behaviour suite through nginx and lighttpd, with persistent processes behind them. */

import { suite } from '../cases/suite.js'
import { needs } from '../support/needs.js'
import { gateway } from './gateway.js'
import { startNginxSuite } from './sites/nginx-persistent.js'

const closed = 'nginx closes the connection without a byte of it'

const nginx = {
  'no body: neither Content-Length nor Content-Type': 'the variables themselves: nginx sets them empty',
  'variables of CGI reach the app': 'nginx sets no PATH_INFO at the root',
  'a body that breaks is cut off, not ended': closed,
  'a body shorter than its Content-Length is cut off': closed,
}

const fastcgi = {
  ...nginx,
  'no user without authentication': 'the variable itself: nginx sets REMOTE_USER empty',
}

const scgi = {
  ...nginx,
  'a body that breaks is cut off, not ended': 'in SCGI the end of the connection is the end of the reply',
  'Host gives the origin': 'the scgi_params of Debian drop the port of Host',
}

suite([
  ...(needs('nginx', 'spawn-fcgi')
    ? [
        gateway('nginx fastcgi_pass', () => startNginxSuite('fastcgi'), fastcgi),
        gateway('nginx scgi_pass', () => startNginxSuite('scgi'), scgi),
      ]
    : []),
])
