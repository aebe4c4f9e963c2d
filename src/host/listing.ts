/** The page that lists a directory: which files run, which are sent, and which are withheld and why. */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { basename, join } from 'node:path'
import { shortage } from '../core/errors.js'
import type { Reply } from '../core/exchange.js'
import { bytesToText, textToBytes } from '../env/text.js'
import { escapeHtml, htmlReply } from '../pages/page.js'
import { type FindOptions, findFile } from './find-file.js'
import { encodeSegment, joined, type PathPlace } from './path.js'

/** How a request for a file is answered. */
export type Entry = { readonly kind: 'script' | 'file' } | { readonly kind: 'withheld'; readonly why: string }

/** Maximum number of names that are listed; of the rest, only their number is shown. */
const mostNames = 2000

/**
 * Names with links, and the first comment of each script. No other content is shown.
 *
 * @param all also the names of withheld files: for the developer
 */
export function listing(
  root: string,
  place: PathPlace,
  options: FindOptions,
  judge: (file: string) => Entry,
  all: boolean,
): Reply {
  const names = namesIn(join(root, bytesToText(joined(place.segments))))
  const shown: Record<'script' | 'file' | 'withheld', string[]> = { script: [], file: [], withheld: [] }
  if (place.segments.some((segment) => segment !== '')) shown.script.push('<li><a href="../">../</a>')
  for (const name of names.slice(0, mostNames)) {
    const found = findFile(root, [...place.segments, textToBytes(name)], options)
    const link = (end: string) =>
      `<li><a href="./${encodeSegment(textToBytes(name))}${end}">${escapeHtml(name + end)}</a>`
    const entry: Entry =
      found.kind === 'none'
        ? { kind: 'withheld', why: found.why }
        : found.kind === 'file'
          ? judge(found.file)
          : { kind: 'file' }
    if (entry.kind === 'withheld')
      shown.withheld.push(`<li>${escapeHtml(name)} <small>${escapeHtml(entry.why)}</small>`)
    else if (entry.kind === 'script' && found.kind === 'file')
      shown.script.push(`${link('')} <small>${escapeHtml(summary(found.file))}</small>`)
    else shown.file.push(link(found.kind === 'directory' ? '/' : ''))
  }
  const title = `${basename(root)}${bytesToText(joined(place.segments))}`
  const parts = [
    `<h1>${escapeHtml(title)}</h1>`,
    section('Each of these links runs a script.', shown.script),
    section('Directories, and files that are served.', shown.file),
    section('Not served: nobody can get these files over HTTP.', all ? shown.withheld : []),
  ]
  if (parts.every((part, i) => i === 0 || part === '')) parts.push('<p>There is nothing to show here.</p>')
  if (names.length > mostNames) parts.push(`<p>${names.length - mostNames} more are not listed.</p>`)
  return htmlReply(200, title, parts.join('\n'))
}

function section(about: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `<p>${about}</p>\n<ul>\n${items.join('\n')}\n</ul>`
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path).sort()
  } catch (error) {
    const short = shortage(error, `${path} could not be read`)
    if (short) throw short
    return []
  }
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
