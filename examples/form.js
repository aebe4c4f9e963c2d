#!/usr/bin/env node
// A form with a file: fields, upload, limits.
import { createHash } from 'node:crypto'
import { run } from 'cgiup'
import { FormError, form } from 'cgiup/form'

const page = `<!doctype html>
<meta charset="utf-8">
<title>Form</title>
<h1>Send a file</h1>
<form method="post" enctype="multipart/form-data">
<p><label>Your name <input name="name"></label>
<p><label>Files (at most 3, 1 MiB each) <input type="file" name="files" multiple></label>
<p><button>Send</button>
</form>`

run({
  async fetch(request) {
    if (request.method !== 'POST') return html(page)
    try {
      // Each file arrives as a stream; only its checksum is kept.
      const files = []
      const data = await form(request, {
        files: 3,
        fileSize: 1024 * 1024,
        store: async (file) => {
          const hash = createHash('sha256')
          for await (const piece of file) hash.update(piece)
          files.push(`${file.name} (${file.type}): sha256 ${hash.digest('hex')}`)
        },
      })
      return text(`Thank you, ${data.get('name') || 'stranger'}.\n\n${files.join('\n') || 'No files.'}\n`)
    } catch (error) {
      if (error instanceof FormError) return text(`${error.message}\n`, error.status)
      throw error
    }
  },
})

function html(body) {
  return new Response(body, { headers: { 'content-type': 'text/html; charset=utf-8' } })
}

function text(body, status = 200) {
  return new Response(body, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } })
}
