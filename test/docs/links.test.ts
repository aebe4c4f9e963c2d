import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const guides = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md'))
  .map((path) => join('docs', path))
const documents = ['README.md', 'CHANGELOG.md', 'SECURITY.md', 'CONTRIBUTING.md', ...guides]

/** The anchor that GitHub generates for a heading. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-')

function links(path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8').replace(/^```[\s\S]*?^```$/gm, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^https?:/.test(link))
}

test.each(documents)('the links of %s have existing targets', (path) => {
  for (const link of links(path)) {
    const [file = '', fragment] = link.split('#')
    const target = file === '' ? join(root, path) : join(root, dirname(path), file)
    expect(existsSync(target), `${link} in ${path}`).toBe(true)
    if (fragment === undefined) continue
    const headings = [...readFileSync(target, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
      anchor(text),
    )
    expect(headings, `${link} in ${path}`).toContain(fragment)
  }
})

test('the index lists every guide and every decision', () => {
  const named = links('docs/README.md').map((link) => relative(root, join(root, 'docs', link)))
  for (const guide of guides) if (guide !== 'docs/README.md') expect(named).toContain(guide)
})
