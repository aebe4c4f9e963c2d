/**
 * Plain English: comments, messages, test titles and documents must not contain phrases that confuse native
 * readers. A hit is reported with its file, line and the replacement.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** A space in a pattern also matches a line break inside a comment. */
const phrases: readonly [not: string, but: string, pattern: RegExp, example: string][] = [
  [
    'is no X',
    'is not an X; leaves no X; means no X',
    /(?<!\bthere )\b(?:is|are|was|were) no (?!longer\b|more\b|different\b|better\b|worse\b|matter\b|need\b|point\b|way\b)(?=[a-z`])/i,
    'A value that is no duration',
  ],
  [
    'an X that is none',
    'is not an X',
    /(?<!\bthere )\b(?:is|are|was|were|be) none\b/i,
    'an app that is none',
  ],
  [
    'told',
    'reported, notified, logged, recognized',
    /\b(?:is|are|was|were|be|been|being|as) told\b(?! to\b| apart\b)/i,
    'the body is told',
  ],
  ['said', 'logged, reported', /\b(?:is|are|was|were|be|been|being) said\b/i, 'it is said once'],
  [
    'gone',
    'disconnected, exited, closed, deleted',
    /\b(?:has|have|had) gone\b|\b(?:client|reader|peer|server|connection|primary|terminal|that)s? (?:is|are|was|were) gone\b/,
    'the client has gone',
  ],
  [
    'stands',
    'is, appears, comes, is pending',
    /\bstands?\b(?! for\b| alone\b| out\b|-)/i,
    'what stands before it',
  ],
  [
    'is looked at',
    'is checked, is polled',
    /\b(?:is|are|was|were|be|been|not) looked at\b/i,
    'it is looked at',
  ],
  ['goes before', 'overrides, takes precedence over', /\bgo(?:es)? before\b/i, 'the option goes before it'],
  [
    'makes room for a fresh one',
    'is recycled',
    /\bmakes? room for a fresh\b/i,
    'it makes room for a fresh one',
  ],
  ['untold', 'unnoticed, not reported', /\buntold\b/i, 'it stays untold'],
  ['leave', 'disconnect', /\btakes? (?:its|their) leave\b|\bthe leave of\b/i, 'the leave of a client'],
  [
    'the answer to a write',
    'the completion of a write',
    /\bwhat the answer to\b/i,
    'what the answer to a write is',
  ],
  [
    'behind a look at',
    'after polling, after checking',
    /\b(?:behind|with) a look at\b/i,
    'each behind a look at it',
  ],
  ['which server to be', 'which server to run as', /\bwhich server to be\b/i, 'Which server to be'],
  ['no news, no trouble', 'not worth logging', /\b(?:no|not a) (?:news|trouble)\b/i, 'that is no news'],
  ['anew', 'again; re-', /\banew\b/i, 'it is made anew'],
  ['for ever', 'forever', /\bfor ever\b/i, 'it waits for ever'],
  ['all else', 'everything else', /\ball else\b/i, 'before all else'],
  ['in its middle', 'partway', /\bin (?:its|their) middle\b/i, 'it breaks in its middle'],
  ['hears of', 'is notified of, notices', /\bhears? of\b/i, 'the app hears of it'],
  [
    'one X a Y',
    'one X per Y',
    /\b(?:a|one) (?:process|folder|file|line|row|byte|character) a (?:request|row|command|byte|line|rule)\b/i,
    'a process a request',
  ],
]

/** Data files, and words that others chose. */
const isOurs = (path: string) =>
  /\.(?:ts|mts|js|mjs|cjs|md|sh|py|pl)$/.test(path) &&
  !path.startsWith('test/fixtures/captures/') &&
  path !== 'test/lint/english.test.ts'

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter(isOurs)

/** A phrase may continue on the next line of a comment or paragraph: each line break becomes one space. */
function flat(text: string): string {
  return text.replace(/\n[ \t]*(?:\*(?!\/)|\/\/)?[ \t]*/g, (gap) =>
    gap.replace(/./gs, '\0').replace('\0', ' '),
  )
}

function hitsIn(path: string): string[] {
  const text = readFileSync(`${root}${path}`, 'utf8')
  const squeezed = flat(text)
  const plain = squeezed.replaceAll('\0', '')
  /** The file offset of each remaining character. */
  const offsets: number[] = []
  for (let at = 0; at < squeezed.length; at++) if (squeezed[at] !== '\0') offsets.push(at)
  return phrases.flatMap(([not, but, pattern]) =>
    [...plain.matchAll(new RegExp(pattern, `${pattern.flags}g`))].map(({ index, 0: found }) => {
      const line = text.slice(0, offsets[index]).split('\n').length
      return `${path}:${line}: "${found}": not "${not}", but "${but}"`
    }),
  )
}

test.each(phrases)('"%s" is found', (_, _but, pattern, example) => {
  expect(example).toMatch(pattern)
})

test('plain English leaves no hits', () => {
  for (const text of [
    'there is no file',
    'it is no longer sent',
    'told to stop',
    'it stands for',
    '410 Gone',
  ])
    for (const [, , pattern] of phrases) expect(text).not.toMatch(pattern)
})

test('a phrase is found across the lines of a comment', () => {
  expect(flat('/**\n * what\n   * stands').replaceAll('\0', '')).toBe('/** what stands')
})

test('comments, messages and documents have none of these phrases', () => {
  expect(files.length).toBeGreaterThan(400)
  expect(files.flatMap(hitsIn)).toEqual([])
})
