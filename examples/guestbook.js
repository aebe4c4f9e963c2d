#!/usr/bin/env node
// A guest book that keeps its entries in a file.
import { appendFile, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from 'cgiup'
import { form } from 'cgiup/form'

// One entry per line. Keep such a file outside the directories that the web server serves.
const file = process.env.GUESTBOOK_FILE ?? join(tmpdir(), 'cgiup-guestbook.jsonl')

run({
  async fetch(request, _env, context) {
    if (request.method !== 'POST') return page(await entries())
    const data = await form(request, { store: 'refuse', fieldSize: 2000 })
    const text = data.get('text')?.trim()
    if (!text) return page(await entries(), 'Please write something.', 400)
    const entry = { at: new Date().toISOString(), name: data.get('name')?.trim() || 'Somebody', text }
    // A short append is written at once: two visitors at the same time do not mix their lines.
    await appendFile(file, `${JSON.stringify(entry)}\n`)
    // After a POST, send the browser to the page: reloading it must not sign twice.
    return new Response(null, { status: 303, headers: { location: context.url } })
  },
})

async function entries() {
  const lines = await readFile(file, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return lines.split('\n').filter(Boolean).slice(-100).map(JSON.parse).reverse()
}

function page(list, note = '', status = 200) {
  const items = list.map(
    ({ at, name, text }) => `<dt>${escapeHtml(name)}, ${escapeHtml(at)}<dd>${escapeHtml(text)}`,
  )
  const body = `<!doctype html>
<meta charset="utf-8">
<title>Guest book</title>
<h1>Guest book</h1>
<form method="post">
<p><label>Name <input name="name"></label>
<p><label>Text <textarea name="text" required></textarea></label>
<p><strong>${note}</strong> <button>Sign</button>
</form>
<dl>${items.join('\n')}</dl>`
  return new Response(body, { status, headers: { 'content-type': 'text/html; charset=utf-8' } })
}

function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
