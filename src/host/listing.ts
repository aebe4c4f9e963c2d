/** The page that lists the scripts of a directory. */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { basename, join } from 'node:path'
import { bytesToText, textToBytes } from '../env/text.js'
import type { Reply } from '../exchange.js'
import { type Interpreters, runs } from './options.js'
import { escapeHtml, htmlReply } from './pages.js'
import { encodeSegment, joined, type Place } from './path.js'

/** Names with links that run them, and the first comment of each. Nothing else of a file is shown. */
export function listing(path: string, root: string, place: Place, interpreters: Interpreters): Reply {
  const items: string[] = []
  if (path !== root) items.push('<li><a href="../">../</a>')
  const entries = readdirSync(path, { withFileTypes: true })
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    const { name } = entry
    if (name.startsWith('.') || name === 'node_modules') continue
    const file = join(path, name)
    const href = encodeSegment(textToBytes(name))
    if (entry.isDirectory()) items.push(`<li><a href="${href}/">${escapeHtml(name)}/</a>`)
    else if (entry.isFile() && runs(file, interpreters)) {
      items.push(`<li><a href="${href}">${escapeHtml(name)}</a> <small>${escapeHtml(summary(file))}</small>`)
    }
  }
  const title = `${basename(root)}${bytesToText(joined(place.segments))}`
  const list =
    items.length > 0
      ? `<ul>\n${items.join('\n')}\n</ul>`
      : '<p>No file here is executable (chmod +x) or has an interpreter.</p>'
  return htmlReply(200, title, `<h1>${escapeHtml(title)}</h1>\n<p>Each link runs a script.</p>\n${list}`)
}

/** The text of the first comment line below `#!`. */
function summary(file: string): string {
  try {
    const fd = openSync(file, 'r')
    try {
      const buffer = Buffer.alloc(1024)
      const text = buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, 0))
      return (
        /^(?:#!.*\n)?\s*(?:<\?php\s+)?(?:\/\/|#(?!!)|\/\*\*?)[ \t]*([^\n*]+)/.exec(text)?.[1]?.trim() ?? ''
      )
    } finally {
      closeSync(fd)
    }
  } catch {
    return ''
  }
}
