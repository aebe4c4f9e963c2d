/** The files of a form exist as long as their request, and no longer, in every gateway and both styles. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Answer, Case, Site, Style } from '../cases/case.js'
import { gateways } from '../cases/gateways.js'
import { until } from '../support/processes.js'
import { tempDir } from '../support/temp.js'
import { field, file, multipart, multipartType } from './bodies.js'

const root = tempDir('uploads')
const body = multipart(field('a', '1'), file('f', 'a.txt', 'content of the file'))

interface Upload {
  readonly how: string
  readonly source?: string
}

function room() {
  const base = mkdtempSync(join(root, 'x'))
  const directory = join(base, 'stored')
  mkdirSync(directory)
  return { directory, note: join(base, 'note') }
}

function caseOf({ how, source = 'own' }: Upload, { directory, note }: ReturnType<typeof room>): Case {
  const query = new URLSearchParams({ how, source, directory, note })
  return {
    name: how,
    clause: 'PHP: the file is removed at the end of the request',
    app: 'upload',
    request: { method: 'POST', target: `/?${query}`, headers: [`Content-Type: ${multipartType}`], body },
    expect: {},
  }
}

const textOf = ({ body }: Answer) => Buffer.from(body).toString()

const emptied = async (directory: string) => {
  await until(() => readdirSync(directory).length === 0)
  return readdirSync(directory)
}

describe.each(gateways)('through $name', (gateway) => {
  describe.each(['fetch', 'node'] as Style[])('a %s app', (style) => {
    let site: Promise<Site> | undefined
    afterAll(async () => (await site)?.close())
    const send = async (upload: Upload, place = room()) => {
      site ??= gateway.open(style)
      const answer = await (await site).request(caseOf(upload, place))
      return { ...place, answer, text: textOf(answer) }
    }

    it('is removed when the reply has ended', async () => {
      const { directory, text } = await send({ how: 'read' })
      expect(text).toBe('content of the file')
      expect(await emptied(directory)).toEqual([])
    })

    it('exists until the end of a streamed reply', async () => {
      const { directory, text } = await send({ how: 'stream' })
      expect(text).toBe('streamed reply content of the file')
      expect(await emptied(directory)).toEqual([])
    })

    it('exists during the work after the reply', async () => {
      const { directory, note, text } = await send({ how: 'later' })
      expect(text).toBe('later')
      expect(await emptied(directory)).toEqual([])
      expect(readFileSync(note, 'utf8')).toBe('content of the file')
    })

    it('stays where the app has moved it to', async () => {
      const { directory, note, text } = await send({ how: 'move' })
      expect(text).toBe(`${note} content of the file`)
      expect(await emptied(directory)).toEqual([])
      expect(readFileSync(note, 'utf8')).toBe('content of the file')
      expect(statSync(note).mode & 0o777).toBe(0o640)
    })

    it('is removed when the app fails, or does not wait for its form', async () => {
      const failed = await send({ how: 'throws' })
      expect(failed.answer.status).toBe(500)
      expect(await emptied(failed.directory)).toEqual([])
      const { directory, text } = await send({ how: 'unawaited' })
      expect(text).toBe('not waited for')
      expect(await emptied(directory)).toEqual([])
    })

    const sources = style === 'node' ? [] : ['copy', 'clone', 'exchange']
    it.each(sources)('is removed if the form was read from a %s', async (source) => {
      const { directory, text } = await send({ how: 'read', source })
      expect(text).toBe('content of the file')
      expect(await emptied(directory)).toEqual([])
    })

    it.skipIf(gateway.name === 'cgi')('cannot be read after that: the error names move()', async () => {
      const { directory } = await send({ how: 'keep' })
      expect(await emptied(directory)).toEqual([])
      const { text } = await send({ how: 'after' })
      const lines = text.split('\n')
      expect(lines).toHaveLength(3)
      for (const line of lines) {
        expect(line).toMatch(
          /^FORM_ENDED The file in field "f" .* its request has ended\..* await file\.move\(path\)/,
        )
      }
      const { note } = await send({ how: 'move' })
      expect(await send({ how: 'moved' })).toMatchObject({ text: 'content of the file' })
      expect(readFileSync(note, 'utf8')).toBe('content of the file')
    })
  })
})
