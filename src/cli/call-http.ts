/** `cgiup call --as http`: shows the response that a client of the HTTP server gets. */
import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { interpreterOf } from '../cgi/script/program.js'
import { runScript } from '../cgi/script/script.js'
import { serveHttp } from '../http/server/server.js'
import type { TestRequest } from '../memory/request.js'
import { errorPage } from '../run/error-page.js'

interface Place {
  readonly port: number
  close(): Promise<void>
}

/** Prints the status line, header and body on stdout. @returns the exit code */
export async function callHttp(
  file: string,
  request: TestRequest,
  env: Readonly<Record<string, string>>,
  mount: string | undefined,
): Promise<0 | 1> {
  const place = interpreterOf(file)
    ? await servedApp(file, env, mount)
    : await servedScript(file, env, mount ?? '')
  try {
    return await exchange(place.port, request)
  } finally {
    await place.close()
  }
}

async function servedApp(
  file: string,
  env: Readonly<Record<string, string>>,
  mount?: string,
): Promise<Place> {
  Object.assign(process.env, env)
  const { launchFile } = await import('./launch.js')
  const options = { server: 'http', listen: '127.0.0.1:0', quiet: true, ...(mount && { mount }) } as const
  const running = await launchFile(file, options)
  return { port: (running.address as AddressInfo).port, close: () => running.close() }
}

async function servedScript(
  file: string,
  env: Readonly<Record<string, string>>,
  mount: string,
): Promise<Place> {
  const server = await serveHttp(
    (exchange) => {
      const path = exchange.env.get('PATH_INFO') ?? ''
      const below = mount !== '' && path.startsWith(mount)
      const place = { scriptName: below ? mount : '', pathInfo: below ? path.slice(mount.length) : path }
      return runScript(exchange, { file, ...place }, { env, passAuthorization: true, stderrPrefix: '' })
    },
    { port: 0, onError: errorPage(true) },
  )
  return { port: (server.address as AddressInfo).port, close: () => server.close() }
}

function exchange(port: number, { method, target, headers, body }: TestRequest): Promise<0 | 1> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', method, path: target, headers, agent: false })
    request.on('error', reject)
    request.on('response', (response) => {
      const { rawHeaders, statusCode, statusMessage, httpVersion } = response
      const lines = [`HTTP/${httpVersion} ${statusCode} ${statusMessage}`]
      for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`)
      process.stdout.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
      response.on('error', () => {
        process.stderr.write('cgiup: the response was cut off.\n')
        resolve(1)
      })
      response.on('end', () => resolve(0))
      response.pipe(process.stdout, { end: false })
    })
    request.end(body as Uint8Array | null)
  })
}
