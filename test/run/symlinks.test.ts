import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { tempDir } from '../support/temp.js'

// Node 20 and 22: fstatSync(0) of a pipe left symlinks in require() unresolved, so that packages linked into
// node_modules (pnpm, npm link) did not find their dependencies.
it('a script with a pipe as stdin finds the dependencies of linked packages', () => {
  const directory = tempDir('links')
  mkdirSync(join(directory, 'store/node_modules/inner'), { recursive: true })
  mkdirSync(join(directory, 'store/node_modules/outer'))
  mkdirSync(join(directory, 'site/node_modules'), { recursive: true })
  writeFileSync(join(directory, 'store/node_modules/inner/index.js'), 'module.exports = "found"')
  writeFileSync(join(directory, 'store/node_modules/outer/index.js'), 'module.exports = require("inner")')
  symlinkSync('../../store/node_modules/outer', join(directory, 'site/node_modules/outer'))
  symlinkSync(resolve('.'), join(directory, 'site/node_modules/cgiup'))
  const script = join(directory, 'site/app.cgi')
  writeFileSync(script, 'const { run } = require("cgiup")\nprocess.stderr.write(require("outer"))\n')
  const env = { GATEWAY_INTERFACE: 'CGI/1.1', REQUEST_METHOD: 'POST', PATH: process.env.PATH }
  // Through the shell, because Node itself gives its children sockets instead of pipes.
  const done = spawnSync('sh', ['-c', ': | "$0" "$1"', process.execPath, script], { env, encoding: 'utf8' })
  expect(done.stderr).toBe('found')
})
