/** A web server as a gateway of the shared behaviour suite. */

import type { Case, Gateway, Style } from '../cases/case.js'
import { request } from '../support/request.js'
import type { Site } from './site.js'

/**
 * A new server for each style, with the app of `site.suite` at the root, at /app and /cgi-bin/app.cgi.
 * @param not cases that the server makes impossible, with the reason
 */
export function gateway(
  name: string,
  start: (style: Style) => Promise<Pick<Site, 'suite' | 'log' | 'stop'> & Partial<Pick<Site, 'follow'>>>,
  not: Record<string, string>,
): Gateway {
  return {
    name,
    not,
    cannot(asked) {
      if (asked.env) return 'the variables are for the server to set'
      return asked.scheme && 'the server has no certificate here'
    },
    async open(style) {
      const site = await start(style)
      return {
        async request({ app, request: asked = {} }: Case) {
          const start = site.log().length
          const added = site.follow?.() ?? (() => site.log().slice(start))
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
          const stderr = () => plain(added())
          return { status, reason, body: reply.body, complete, values: headerAll, stderr }
        },
        async close() {
          await site.stop()
        },
      }
    },
  }
}

/** The log without the prefixes of Apache, lighttpd and nginx, and with the line ends that they escape. */
function plain(log: string): string {
  return log
    .replace(/^\[.*AH01215: (?:stderr from .*?: )?/gm, '')
    .replace(/^\[.*mod_fcgid: stderr: /gm, '')
    .replace(/^\[.*AH01071: Got error '(.*)'.*$/gm, (_, text: string) => text.replaceAll('\\n', '\n'))
    .replace(/^.*FastCGI-stderr:/gm, '')
    .replace(/^.*FastCGI sent in stderr: "(.*)" while reading .*$/gm, '$1')
}
