/**
 * Runs the README from top to bottom as a reader would: writes its files, runs its commands, and compares
 * their output. After the language, a block names its purpose: a file name, or `server` for a command that
 * runs until the end of its section.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { needs, which } from '../support/needs.js'
import { freePort } from '../support/ports.js'
import { type ServerProcess, startServer } from '../support/server-process.js'
import { tempDir } from '../support/temp.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')

interface Block {
  language: string
  part: string
  text: string
}

function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^```(\w*) ?(.*)\n([\s\S]*?)^```$/gm)].map(
    ([, language = '', part = '', text = '']) => ({
      language,
      part,
      text,
    }),
  )
}

/** A project as it is after `npm install cgiup hono`. */
function project(): string {
  const room = tempDir('readme')
  mkdirSync(join(room, 'node_modules/.bin'), { recursive: true })
  symlinkSync(root, join(room, 'node_modules/cgiup'))
  symlinkSync(join(root, 'node_modules/hono'), join(room, 'node_modules/hono'))
  symlinkSync('../cgiup/bin/cgiup.js', join(room, 'node_modules/.bin/cgiup'))
  return room
}

const env = { ...process.env, npm_config_loglevel: 'error', npm_config_offline: 'true' }

/** stdout and stderr together, as a terminal shows them. */
async function terminal(command: string, cwd: string): Promise<string> {
  const script = `exec 2>&1\n${command}`
  const { stdout } = await promisify(execFile)('sh', ['-e', '-c', script], { cwd, env })
  return stdout.replaceAll('\r\n', '\n')
}

/** Starts a server in a new process group and waits until it answers on the port. */
async function serve(command: string, cwd: string, port: number): Promise<ChildProcess> {
  const child = spawn('sh', ['-e', '-c', command], { cwd, env, stdio: 'ignore', detached: true })
  const answers = () =>
    new Promise<boolean>((resolve) => {
      const probe = createConnection({ port, host: '127.0.0.1' })
      probe.once('connect', () => resolve(true)).once('error', () => resolve(false))
      probe.once('connect', () => probe.destroy())
    })
  await expect.poll(answers, { timeout: 15_000 }).toBe(true)
  return child
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  process.kill(-(child.pid as number))
  await ended
}

/** The default ports may be in use here: the same commands with other ports. */
function withPort(command: string, port: number, fastcgi: number): string {
  return command
    .replaceAll('127.0.0.1:9000', `127.0.0.1:${fastcgi}`)
    .replace(/^node (\S+)$/m, `npx cgiup $1 --listen 127.0.0.1:${port}`)
    .replace(/^npx cgiup host .*$/m, (line) => `${line} --listen 127.0.0.1:${port}`)
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`)
}

/** nginx with the lines that a reader adds to its `http` block. */
async function serveNginx(block: string, port: number): Promise<ServerProcess> {
  const run = tempDir('nginx')
  const file = join(run, 'nginx.conf')
  const inRun = (name: string) => `${name}_temp_path ${run}/${name};`
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(inRun).join(' ')
  const http = block.replace('include fastcgi_params', 'include /etc/nginx/fastcgi_params')
  writeFileSync(
    file,
    `daemon off; pid ${run}/pid; error_log stderr; events {} http { access_log off; ${paths} ${http} }`,
  )
  return startServer(which('nginx') ?? 'nginx', ['-e', 'stderr', '-c', file], { listens: { port }, cwd: run })
}

const examples = readme
  .split(/^### /m)
  .slice(1)
  .map((text) => ({ title: text.slice(0, text.indexOf('\n')), blocks: blocksOf(text) }))

describe.skipIf(!needs('python3', 'curl'))('README', () => {
  test('has seven examples', () => {
    expect(examples).toHaveLength(7)
  })

  const room = project()
  const behind = ({ blocks }: (typeof examples)[number]) =>
    blocks.some(({ language }) => language === 'nginx')
  const possible = examples.filter((example) => !behind(example) || needs('nginx'))
  test.each(possible)('$title', async ({ blocks }) => {
    const [port, fastcgi] = [await freePort(), await freePort()]
    const servers: ChildProcess[] = []
    let nginx: ServerProcess | undefined
    let printed = ''
    try {
      for (const { language, part, text } of blocks) {
        if (language === 'text') expect(printed).toBe(text)
        else if (part === 'server') {
          const at = text.includes('fastcgi') ? fastcgi : port
          servers.push(await serve(withPort(text, port, fastcgi), room, at))
        } else if (language === 'nginx') nginx = await serveNginx(withPort(text, port, fastcgi), port)
        else if (language === 'sh' && part === '')
          printed = await terminal(withPort(text, port, fastcgi), room)
        else {
          mkdirSync(dirname(join(room, part)), { recursive: true })
          writeFileSync(join(room, part), text)
        }
      }
    } finally {
      await nginx?.stop()
      await Promise.all(servers.map(stop))
    }
    expect(blocks.some(({ language, part }) => language === 'sh' && part !== '') || printed !== '').toBe(true)
  })
})

test('the set-up commands of the README are scripts of the package', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const [setUp] = blocksOf(readme)
  expect(setUp?.text).toMatch(/^npm ci && npm start .*\nnpm ci && npm test .*\n$/)
  expect(scripts.start).toBe('node bin/cgiup.js host examples')
  expect(scripts.test).toMatch(/^npm run build && vitest run/)
  expect(scripts.prepare).toBe('npm run build')
})
