import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import type { Command } from '../../src/cli/args.js'
import { callCommand as call } from '../../src/cli/call.js'
import { appCommand as run } from '../../src/cli/run-options.js'
import { requestLimits } from '../../src/core/limits/requests.js'
import { tempDir } from '../support/temp.js'

const page = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')
const commands = page('commands.md')
const bin = fileURLToPath(new URL('../../bin/cgiup.js', import.meta.url))

/** The part of a page below a heading. */
const section = (text: string, heading: string) => text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''

describe('docs/commands.md', () => {
  it.each<[string, Command]>([
    ['cgiup APP', run],
    ['cgiup call', call],
  ])('%s lists the options that exist', (heading, command) => {
    const told = section(commands, heading).match(/^\| `[^|]*`/gm) ?? []
    const names = told.join().match(/--[a-z-]+/g) ?? []
    expect([...new Set(names)].sort()).toEqual(
      Object.keys(command.options)
        .map((name) => `--${name}`)
        .sort(),
    )
    for (const [name, { short }] of Object.entries(command.options)) {
      if (short) expect(told.join()).toContain(`\`-${short}\`, \`--${name}`)
    }
  })

  it('shows the actual output of --explain', async () => {
    const [, output, report] =
      /\$ cgiup call \/ \.\/bad\.sh --explain\n([\s\S]*?)\n\n(--- [\s\S]*?)\n```/.exec(commands) ?? []
    const directory = tempDir('docs')
    const script = join(directory, 'bad.sh')
    writeFileSync(script, `#!/bin/sh\ncat <<'END'\n${output}\nEND\nexit 3\n`, { mode: 0o755 })
    const found = await execa(process.execPath, [bin, 'call', '/', './bad.sh', '--explain'], {
      cwd: directory,
      reject: false,
    })
    expect(found.stdout).toBe(output)
    expect(found.stderr.trim()).toBe(report)
  })
})

describe('docs/run.md and docs/testing.md', () => {
  /** Members of an interface with a doc comment or a type, read from its source. */
  const members = (file: string, name: string) => {
    const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8')
    const body = source.split(new RegExp(`export interface ${name}\\b[^{]*\\{`))[1]?.split('\n}')[0] ?? ''
    return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map((match) => match[1] as string)
  }
  const rows = (text: string) => text.match(/^\| `[^|]*`/gm)?.join() ?? ''

  it('list the options of run()', () => {
    const told = rows(section(page('run.md'), 'Options'))
    const names = [...members('run/options.ts', 'RunOptions'), ...members('app/types.ts', 'AppOptions')]
    expect(names.length).toBeGreaterThan(6)
    for (const name of names) expect(told).toContain(`\`${name}\``)
    for (const name of members('run/options.ts', 'Running')) {
      expect(section(page('run.md'), 'Options')).toMatch(new RegExp(`\`${name}[\`(]`))
    }
  })

  it('docs/fastcgi.md lists the limits', () => {
    const told = rows(section(page('fastcgi.md'), 'Limits'))
    const names = Object.keys(requestLimits)
    expect(names.length).toBeGreaterThan(10)
    for (const name of names) expect(told).toContain(`\`${name}\``)
  })

  it('list the options of memory() and emulate()', () => {
    const told = rows(section(page('testing.md'), 'Options'))
    const names = [
      'test/in-process.ts EmulateOptions',
      'memory/exchange.ts ServerFacts',
      'memory/memory.ts AdapterOptions',
    ]
      .map((one) => one.split(' ') as [string, string])
      .flatMap(([file, name]) => members(file, name))
    expect(names.length).toBeGreaterThan(6)
    for (const name of names) expect(told).toContain(`\`${name}\``)
  })
})
