/** Names in src/: an exported name is declared once, and all code has one style. */
import { describe, expect, test } from 'vitest'
// @ts-expect-error a script without types
import { tree } from '../../scripts/import-rules.mjs'
// @ts-expect-error a script without types
import { checkNames } from '../../scripts/names.mjs'

const wrong = (files: Record<string, string>): string[] =>
  checkNames(files).map(
    ({ path, line, text }: { path: string; line: number; text: string }) => `${path}:${line}: ${text}`,
  )

describe('names', () => {
  test('the tree keeps the rules', () => {
    expect(wrong(tree())).toEqual([])
  })

  test.each([
    ['a function', 'export function same() {}', 'export async function same() {}'],
    ['a class and a type', 'export class Same {}', 'export interface Same {}'],
    ['constants', 'export const a = 1, same = 2', 'export const same: number = 3'],
    ['an enum and a type', 'export enum Same {}', 'export type Same = 1'],
  ])('exported by two files: %s', (_, one, other) => {
    const name = /same/i.exec(one)?.[0]
    expect(wrong({ 'a.ts': one, 'b.ts': `\n${other}` })).toEqual([
      `b.ts:2: ${name} is exported by a.ts too; an exported name is declared once`,
    ])
  })

  test('private names may repeat, and so may overloads and what is exported on', () => {
    const overloads =
      'export function f(a: string): void\nexport function f(a: number): void\nexport function f() {}'
    expect(
      wrong({
        'a.ts': 'const one = 1\nfunction two() {}',
        'b.ts': 'const one = 1\nfunction two() {}',
        'c.ts': overloads,
        'd.ts': "export { f } from './c.js'\nexport * from './c.js'",
      }),
    ).toEqual([])
  })

  test('one dialect', () => {
    expect(
      wrong({
        'a.ts': [
          'const LATE_MS = 1',
          'export const short = (a: number) => a + 1',
          'const typed: () => void = () => { f() }',
          'export const long = async () => { f() }',
          'export const Role = { RESPONDER: 1 }',
        ].join('\n'),
      }),
    ).toEqual([
      'a.ts:1: LATE_MS: constants are camelCase',
      'a.ts:4: long has statements: write function long()',
    ])
  })
})
