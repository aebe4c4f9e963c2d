/** What the apps of the suite do with an uploaded file; used by test/form/lifetime.test.ts. */
import { writeFileSync } from 'node:fs'

/** Files of the last uploads, read after their requests have ended. */
const kept = []

/**
 * What each `?how=` does with the only file of a form in `?directory=`. Returns the text of the reply, or a
 * stream.
 */
const uploads = {
  read: ({ file }) => file.text(),
  path: ({ file }) => file.path,
  keep: ({ file }) => kept.push(file) && 'kept',
  /** Of the previous request. */
  after: async () => {
    const file = kept.pop()
    const error = (act) => act().then(String, ({ code, message }) => `${code} ${message}`)
    return Promise.all([
      error(() => file.text()),
      error(() => file.move('/x')),
      error(async () => file.path),
    ]).then((lines) => lines.join('\n'))
  },
  move: async ({ file, note }) => {
    await file.move(note, { mode: 0o640 })
    kept.push(file)
    return `${file.path} ${await file.text()}`
  },
  moved: async () => kept.pop().text(),
  later: ({ file, note, waitUntil }) => {
    const later = new Promise((resolve) => setTimeout(resolve, 100))
    waitUntil(later.then(async () => writeFileSync(note, await file.text())))
    return 'later'
  },
  stream: ({ file }) => {
    async function* slowly() {
      for (const piece of ['streamed ', 'reply ']) {
        await new Promise((resolve) => setTimeout(resolve, 30))
        yield Buffer.from(piece)
      }
      yield await file.bytes()
    }
    return slowly()
  },
  throws: () => {
    throw new Error('after the upload')
  },
}

export async function upload(request, target, waitUntil, context) {
  const { form } = await import('cgiup/form')
  const query = new URL(target, 'http://x').searchParams
  const source = query.get('source') ?? 'own'
  const given = {
    own: () => request,
    copy: () => new Request(request),
    clone: () => request.clone(),
    exchange: () => context.exchange,
  }[source]()
  const how = query.get('how')
  const options = { directory: query.get('directory') }
  if (how === 'unawaited') {
    form(given, options).catch(() => {})
    return 'not waited for'
  }
  const data = await form(given, options)
  const note = query.get('note')
  return uploads[how]({ file: data.file('f'), note, waitUntil })
}
