/**
 * Builds dist/: tsc, one output file per source file, then the bundle of what a CGI request needs. Each file
 * appears complete, and only when it has changed, so that tests running at the same time are not disturbed.
 * As with tsc, type errors fail the build but the output is still written.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from './bundle.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')
const work = join(root, '.tmp', `build-${process.pid}`)

/** For the bundles; bundle.mjs removes those of the other files, whose code looks like the source anyway. */
const maps = ['--sourceMap', '--inlineSources']

/** Names of all files below, read at one moment: another build may be writing. */
const filesIn = (dir) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))

function publish() {
  mkdirSync(dist, { recursive: true })
  const built = new Set(filesIn(work))
  for (const name of built) {
    const text = readFileSync(join(work, name), 'utf8')
    const file = join(dist, name)
    if (textOf(file) === text) continue
    mkdirSync(dirname(file), { recursive: true })
    const next = `${file}.${process.pid}.tmp`
    writeFileSync(next, text)
    renameSync(next, file)
  }
  for (const name of filesIn(dist))
    if (!built.has(name) && !name.endsWith('.tmp')) rmSync(join(dist, name), { force: true })
}

function textOf(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

try {
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  const { status } = spawnSync(tsc, ['-p', 'tsconfig.build.json', '--outDir', work, ...maps], {
    cwd: root,
    stdio: 'inherit',
  })
  await bundle(work)
  publish()
  process.exitCode = status ?? 1
} finally {
  rmSync(work, { recursive: true, force: true })
}
