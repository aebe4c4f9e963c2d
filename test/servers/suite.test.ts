/** The shared behaviour suite, with real servers in front of the apps. */

import type { Case, Gateway } from '../cases/case.js'
import { suite } from '../cases/suite.js'
import { needs } from '../support/needs.js'
import { request } from '../support/request.js'
import type { Site } from './site.js'
import { startApache } from './sites/apache.js'
import { startLighttpd } from './sites/lighttpd.js'
import { startNginx } from './sites/nginx.js'

/** A server as a gateway; a new one for each style. */
function gateway(name: string, start: () => Promise<Site>, not: Record<string, string>): Gateway {
  return {
    name,
    not,
    cannot(asked) {
      if (asked.env) return 'the variables are for the server to set'
      return asked.scheme && 'the server has no certificate here'
    },
    async open(style) {
      const site = await start()
      return {
        async request({ app, request: asked = {} }: Case) {
          const start = site.log().length
          const { target, method, headers = [], body, pieces } = asked
          const reply = await request(
            { port: site.suite[style] },
            {
              headers: [`X-Case: ${app}`, ...headers],
              ...(target !== undefined && { target }),
              ...(method !== undefined && { method }),
              ...(body !== undefined && { body }),
              ...(pieces && { pieces }),
            },
          )
          const { status, reason, headerAll, complete } = reply
          const stderr = () => plain(site.log().slice(start))
          return { status, reason, body: reply.body, complete, values: headerAll, stderr }
        },
        async close() {
          await site.stop()
        },
      }
    },
  }
}

/** The log without what Apache puts before each line of a script. */
function plain(log: string): string {
  return log.replace(/^\[.*AH01215: (?:stderr from .*?: )?/gm, '')
}

const wholeAnyway = 'without a length this server ends what the script has written as if it were whole'

const apache = {
  'repeated cookies are joined with a semicolon': 'Apache joins them with a comma',
  'a body that breaks is cut off, not ended': wholeAnyway,
  'a body shorter than its Content-Length is cut off':
    'Apache counts anew when it finds the script ended at its first look',
}

const lighttpd = {
  'method POST': 'lighttpd answers 411 to a POST without a length',
  'escapes that are not UTF-8': 'lighttpd answers 400',
  'a GET with a body': 'lighttpd answers 400',
  'a header without value': 'lighttpd drops it',
  'no body: neither Content-Length nor Content-Type': 'the variable itself: lighttpd sets CONTENT_LENGTH=0',
  "the app's own reason": 'lighttpd puts the standard reason in its place',
  'a body that breaks is cut off, not ended': wholeAnyway,
}

const nginx = {
  'mounted: the mount path itself is the root':
    'with a rewrite and nothing behind the mount path, no variable tells it: option mount',
  'no body: neither Content-Length nor Content-Type': 'the variables themselves: nginx sets them empty',
  'no user without authentication': 'the variable itself: nginx sets REMOTE_USER empty',
  'a body that breaks is cut off, not ended': wholeAnyway,
}

suite([
  ...(needs('apache2')
    ? [
        gateway('Apache mod_cgi', () => startApache('prefork'), apache),
        gateway('Apache mod_cgid', () => startApache('event'), apache),
      ]
    : []),
  ...(needs('lighttpd') ? [gateway('lighttpd', startLighttpd, lighttpd)] : []),
  ...(needs('nginx', 'fcgiwrap') ? [gateway('nginx and fcgiwrap', startNginx, nginx)] : []),
])
