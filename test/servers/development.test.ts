/**
 * Development servers behind real proxies: their clients never see a development page, whatever the Host
 * header is.
 */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { needs, type ProgramName, which } from '../support/needs.js'
import { request } from '../support/request.js'
import { type ServerProcess, startServer } from '../support/server-process.js'
import { environment, type Frame, makeFrame, root, type Site, site, writeConfig } from './site.js'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const bin = join(repository, 'bin', 'cgiup.js')
const secret = 'top-secret-value'

const proxies: readonly {
  readonly program: ProgramName
  readonly ways: readonly string[]
  readonly args: (file: string, frame: Frame) => readonly string[]
}[] = [
  {
    program: 'nginx',
    // If the server can run as another user, its process is recognized by its owner.
    ways: ['STOCK', 'PRESERVED', ...(root ? ['SILENT'] : [])],
    args: (file, { run }) => ['-e', join(run, 'error.log'), '-p', run, '-c', file],
  },
  {
    program: 'apache2',
    ways: ['STOCK', 'PRESERVED', ...(root ? ['SILENT'] : [])],
    args: (file) => ['-DFOREGROUND', '-f', file],
  },
  {
    program: 'caddy',
    ways: ['STOCK', 'PRESERVED'],
    args: (file) => ['run', '--config', file, '--adapter', 'caddyfile'],
  },
  { program: 'haproxy', ways: ['STOCK', 'PRESERVED'], args: (file) => ['-db', '-f', file] },
]

/** What must not leak: parts of the environment, the app's error, the list, a script's output. */
const revealing = /top-secret|on purpose|broken\.sh|oops|\bat .*app\.mjs|node_modules/

async function startBack(frame: Frame, kind: 'host' | 'app'): Promise<ServerProcess> {
  const directory = join(frame.run, 'back')
  mkdirSync(join(directory, 'node_modules'), { recursive: true })
  symlinkSync(repository, join(directory, 'node_modules', 'cgiup'))
  const script = join(directory, 'broken.sh')
  writeFileSync(script, '#!/bin/sh\necho "oops $SECRET"\n')
  chmodSync(script, 0o755)
  const app = join(directory, 'app.mjs')
  writeFileSync(app, `export default { fetch() { throw new Error('on purpose ${secret}') } }\n`)
  const listen = ['--listen', `127.0.0.1:${frame.ports.BACK}`]
  const args = kind === 'host' ? ['host', directory, '--env', `SECRET=${secret}`] : [app]
  return startServer(process.execPath, [bin, ...args, ...listen], {
    listens: { port: frame.ports.BACK as number },
    env: { PATH: process.env.PATH },
    cwd: directory,
  })
}

async function startProxy(name: ProgramName, kind: 'host' | 'app'): Promise<Site & { back: ServerProcess }> {
  const proxy = proxies.find(({ program }) => program === name) as (typeof proxies)[number]
  const frame = await makeFrame(['STOCK', 'PRESERVED', 'SILENT', 'BACK'])
  const isApache = name === 'apache2'
  const user = isApache ? 'User www-data\nGroup www-data' : 'user www-data;'
  const file = writeConfig(frame, `${isApache ? 'apache' : name}-development-frame.conf`, [], {
    USER: root ? user : '',
    MODULES: '/usr/lib/apache2/modules',
  })
  const back = await startBack(frame, kind)
  try {
    const server = await startServer(which(name) ?? name, proxy.args(file, frame), {
      listens: proxy.ways.map((way) => ({ port: frame.ports[way] as number })),
      env: { ...environment(frame), HOME: frame.run },
      cwd: frame.run,
    })
    return { ...site(frame, [server, back]), back }
  } catch (error) {
    await back.stop()
    throw error
  }
}

for (const { program, ways } of proxies) {
  describe.skipIf(!needs(program))(`behind ${program}`, () => {
    describe.each(['host', 'app'] as const)('a development server (%s)', (kind) => {
      let current: Awaited<ReturnType<typeof startProxy>>
      beforeAll(async () => {
        current = await startProxy(program, kind)
      })
      afterAll(async () => {
        await current.stop()
      })

      it.each(ways)('shows strangers nothing (%s)', async (way) => {
        const port = current.ports[way] as number
        for (const host of ['localhost', 'example.com', `127.0.0.1:${current.ports.BACK}`]) {
          for (const target of ['/', '/broken.sh', '/nowhere']) {
            for (const twin of [[], ['X_Forwarded_For: 1', 'X-Real_IP: 1']]) {
              const headers = [`Host: ${host}`, 'Accept: text/html', 'Connection: keep-alive', ...twin]
              const { status, text } = await request({ port }, { target, headers })
              expect(status).toBeGreaterThanOrEqual(400)
              expect(text).not.toMatch(revealing)
            }
          }
        }
      })

      it('answers for no other host, and says what to do', async () => {
        const port = current.ports.PRESERVED as number
        const { status, text } = await request({ port }, { headers: ['Host: site.example'] })
        expect(status).toBe(421)
        expect(text).toContain('NODE_ENV=production')
        expect(text).toContain('--allowed-host site.example')
      })

      it('says on stderr what to do, once, and still shows the person at this machine', async () => {
        // HAProxy and Caddy preserve Host by default.
        const headers = [`Host: 127.0.0.1:${current.ports.BACK}`]
        await request({ port: current.ports.PRESERVED as number }, { headers })
        await request({ port: current.ports.PRESERVED as number }, { headers })
        expect(current.back.output().match(/NODE_ENV=production/g)).toHaveLength(1)
        const own = { target: kind === 'host' ? '/broken.sh' : '/', headers: ['Accept: text/html'] }
        const { status, text } = await request({ port: current.ports.BACK as number }, own)
        expect(status).toBeGreaterThanOrEqual(500)
        expect(text).toMatch(kind === 'host' ? /oops/ : /on purpose/)
      })
    })
  })
}
