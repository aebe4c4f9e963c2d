import { execFileSync } from 'node:child_process'
import { closeSync, readSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decode, launch, shellWord } from '../../src/cgi/script/environment.js'
import { StderrLines } from '../../src/cgi/script/stderr.js'
import { Spool } from '../../src/serve/spool.js'
import { runs } from '../support/runs.js'

const bytes = fc.string({
  unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 40,
})

describe('shellWord', () => {
  test('any bytes come back from a shell as they were', () => {
    fc.assert(
      fc.property(bytes, (text) => {
        const word = shellWord(text)
        const out = execFileSync('/bin/sh', [], {
          input: Buffer.from(
            `printf '%s.' ${decode(word) ?? word}`,
            decode(word) === null ? 'latin1' : 'utf8',
          ),
        })
        // A command substitution loses trailing line ends: the only thing that the word does not preserve.
        expect(out.toString('latin1').replace(/\n*\.$/, '')).toBe(text.replace(/\n+$/, ''))
      }),
      { numRuns: runs(60) },
    )
  })

  test('plain words stay plain', () => {
    expect(shellWord('/usr/bin/a-b_c.d:e')).toBe('/usr/bin/a-b_c.d:e')
    expect(shellWord('')).toBe("''")
    expect(shellWord("it's")).toBe("'it'\\''s'")
  })
})

describe('launch', () => {
  test('text goes by the environment, other bytes by a shell that becomes the script', () => {
    expect(launch(['/x'], ['A', 'b', 'C', 'caf\xc3\xa9'])).toEqual({
      command: ['/x'],
      env: { A: 'b', C: 'caf\u00e9' },
    })
    const made = launch(['/x'], ['A', 'b', 'C', 'caf\xe9'])
    expect(made.env).toEqual({ A: 'b' })
    expect(made.command.slice(-1)).toEqual(['/x'])
  })

  test('any bytes arrive as they were, and nothing of them is run', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const { command, env } = launch(['/usr/bin/printenv', 'VALUE'], ['VALUE', `${value}\xff`])
        const [file, ...args] = command as [string, ...string[]]
        const out = execFileSync(file, args, { env })
        expect(out.toString('latin1')).toBe(`${value}\xff\n`)
      }),
      { numRuns: runs(60) },
    )
  })

  test('a name that is not a shell variable, or a NUL, is left out', () => {
    expect(launch(['/x'], ['A B', '\xff', 'C', 'a\0b'])).toEqual({ command: ['/x'], env: {} })
  })
})

describe('Spool', () => {
  test('first in, first out, in memory and on disk, in any order of calls', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.constant(null)), {
          maxLength: 40,
        }),
        async (steps) => {
          const spool = new Spool(60)
          const given: number[] = []
          const taken: number[] = []
          for (const step of steps) {
            if (step) {
              given.push(...step)
              await spool.append(step)
            } else taken.push(...((await spool.take()) ?? []))
            expect(spool.size).toBe(given.length - taken.length)
          }
          for (let piece = await spool.take(); piece; piece = await spool.take()) taken.push(...piece)
          await spool.close()
          expect(taken).toEqual(given)
        },
      ),
      { numRuns: runs(100) },
    )
  })

  test('beyond its memory all is in a file without a name, its offset at the start', async () => {
    const spool = new Spool(10)
    await spool.append(Buffer.from('0123456789'))
    expect(spool.fd).toBeNull()
    await spool.append(Buffer.from('abc'))
    const fd = spool.fd as number
    const buffer = Buffer.alloc(100)
    expect(buffer.toString('latin1', 0, readSync(fd, buffer, 0, 100, null))).toBe('0123456789abc')
    if (process.platform === 'linux') {
      const { readlinkSync } = await import('node:fs')
      expect(readlinkSync(`/proc/self/fd/${fd}`)).toContain('(deleted)')
    }
    await spool.close()
    expect(() => closeSync(fd)).toThrow()
  })
})

describe('StderrLines', () => {
  test('whole lines, however they were cut', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'bc', '\n', 'd\ne', '')), (pieces) => {
        let out = ''
        const lines = new StderrLines(
          '> ',
          (text) => {
            out += text
          },
          {},
        )
        for (const piece of pieces) lines.push(piece)
        lines.end()
        const text = pieces.join('')
        const expected = text.split('\n').map((line) => `> ${line}\n`)
        if (expected.at(-1) === '> \n') expected.pop()
        expect(out).toBe(expected.join(''))
        expect(lines.tail).toBe(text)
      }),
    )
  })

  test('the tail is the end, from a line start', () => {
    const lines = new StderrLines('', () => {}, {})
    for (let i = 0; i < 2000; i++) lines.push(`line ${i}\n`)
    expect(lines.tail.length).toBeLessThanOrEqual(4096)
    expect(lines.tail).toMatch(/^line \d+\n(.*\n)*line 1999\n$/)
  })
})
