/** The shared behaviour suite through nginx and lighttpd, with persistent processes behind them. */

import { suite } from '../cases/suite.js'
import { needs } from '../support/needs.js'
import { gateway } from './gateway.js'
import { startNginxSuite } from './sites/nginx-persistent.js'

const nginx = {}

suite([
  ...(needs('nginx', 'spawn-fcgi')
    ? [
        gateway('nginx fastcgi_pass', () => startNginxSuite('fastcgi'), nginx),
        gateway('nginx scgi_pass', () => startNginxSuite('scgi'), nginx),
      ]
    : []),
])
