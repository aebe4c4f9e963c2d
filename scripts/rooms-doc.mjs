/**
 * Writes the table of docs/decisions/import-rules.md from scripts/rooms.mjs.
 *
 *     npm run docs
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { roomTable } from './rooms.mjs'

const file = new URL('../docs/decisions/import-rules.md', import.meta.url)
const text = readFileSync(file, 'utf8')
writeFileSync(
  file,
  text.replace(/^\| room \|.*?\n\n/ms, () => `${roomTable()}\n\n`),
)
console.error(`Wrote ${fileURLToPath(file)}`)
