/** Answers the cases in a process whose free names refer to the light classes; prints the replies. */

import { installLightWeb, lightWebIsInstalled } from '../../dist/app/web/install.js'
import { Environment } from '../../dist/env/environment.js'

installLightWeb()
if (!lightWebIsInstalled()) throw new Error('The light classes are not in place.')

const { fetchHandler } = await import('../../dist/app/fetch.js')
const { cases } = await import('./fetch-cases.mjs')
const { ask } = await import('./fetch-exchange.mjs')

const replies = []
for (const [app, target, request] of cases) {
  replies.push(
    await ask({ Environment, fetchHandler }, app, target, request).catch((error) => ({
      error: String(error.stack),
    })),
  )
}
process.stdout.write(JSON.stringify(replies))
