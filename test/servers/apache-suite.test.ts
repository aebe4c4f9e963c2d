/** The shared behaviour suite behind Apache with mod_fcgid, mod_proxy_fcgi and mod_proxy_scgi. */

import { suite } from '../cases/suite.js'
import { needs } from '../support/needs.js'
import { gateway } from './gateway.js'
import { startFcgid } from './sites/apache-fcgid.js'
import { startApacheSuite } from './sites/apache-proxy.js'

const cookies = { 'repeated cookies are joined with a semicolon': 'Apache joins them with a comma' }
const noLength = 'no body: neither Content-Length nor Content-Type'
const asProxy = {
  'variables of CGI reach the app': 'PATH_INFO: mod_proxy sends the whole path as SCRIPT_NAME',
}
const heldBack = 'mod_fcgid answers 500 as long as it holds the reply back'
const refused = 'Apache answers 411'
const ended = 'in SCGI the end of the connection is the end of the reply'

const fcgid = {
  ...cookies,
  [noLength]: 'the variable itself: mod_fcgid sends CONTENT_LENGTH=0',
  'a body that fails is cut off, not ended': heldBack,
  'a body shorter than its Content-Length is cut off': heldBack,
}

const scgi = {
  ...cookies,
  ...asProxy,
  [noLength]: 'the variable itself: SCGI demands it',
  'a body without a length is read to its end': refused,
  '1 MiB without a length': refused,
  'a body without a length that the app does not read': refused,
  'a body that fails is cut off, not ended': ended,
  'a body shorter than its Content-Length is cut off': ended,
}

suite([
  ...(needs('apache2') ? [gateway('Apache mod_fcgid', startFcgid, fcgid)] : []),
  ...(needs('apache2', 'spawn-fcgi')
    ? [
        gateway('Apache mod_proxy_fcgi', () => startApacheSuite('fcgi'), { ...cookies, ...asProxy }),
        gateway('Apache mod_proxy_scgi', () => startApacheSuite('scgi'), scgi),
      ]
    : []),
])
