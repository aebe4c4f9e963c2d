/** Modules that a FastCGI or SCGI process of a fetch app does not load. Needs dist/ (npm test builds it). */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { tempDir } from '../support/temp.js'

const index = pathToFileURL(fileURLToPath(new URL('../../dist/index.js', import.meta.url))).href

// Output of the app goes to stderr. From Node 22 on, node:http loads undici, and Response is then the
// platform's, at twice the cost per request.
test.each(['fastcgi', 'scgi'])('%s: neither node:http nor undici, and the light Response', async (server) => {
  const path = join(tempDir('cgiup'), 's')
  const program = `
    import { run } from ${JSON.stringify(index)}
    const running = await run({ fetch: () => new Response('') }, { server: '${server}', listen: ${JSON.stringify(path)}, quiet: true })
    const heavy = process.moduleLoadList.filter((name) => /_http_server|undici\\/undici/.test(name))
    console.log(JSON.stringify([heavy, /native|undici|webidl/.test(String(Response))]))
    await running.close()`
  const { stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  expect(JSON.parse(stderr)).toEqual([[], false])
})
