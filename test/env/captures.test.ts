import { describe, expect, test } from 'vitest'
import { translate } from '../../src/env/request.js'
import { environmentOf, recordings } from './captures.js'
import { isMountOnly, type Loss, losses, lossOf } from './losses.js'
import { type Deviation, deviations } from './oracle.js'

const found = recordings.map((recording) => ({
  mode: recording.mode,
  requests: recording.requests.map((request) => ({
    name: request.name,
    deviations: deviations(translate(environmentOf(request)), request.expected, recording.mount_point),
  })),
}))

describe('every recorded request is read as the one that was sent', () => {
  test('twenty server modes are recorded', () => {
    expect(recordings).toHaveLength(20)
    expect(recordings.flatMap((recording) => recording.requests).length).toBeGreaterThan(2500)
  })

  test.each(found)('$mode', ({ mode, requests }) => {
    const unexplained = requests.flatMap(({ name, deviations }) =>
      deviations.filter(({ field }) => lossOf(mode, name, field) === undefined).map((d) => ({ name, ...d })),
    )
    expect(unexplained).toEqual([])
  })

  test('what is read where information was lost stays as it is', async () => {
    const lines = found.flatMap(({ mode, requests }) =>
      requests.flatMap(({ name, deviations }) =>
        deviations
          .filter(({ field }) => !lossOf(mode, name, field)?.requests.includes('*'))
          .map(({ field, wanted, got }) => `${mode} | ${name} | ${field} | ${wanted} | ${got}`),
      ),
    )
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('../fixtures/captures/losses.txt')
  })
})

describe('every loss on the list is one', () => {
  test.each(losses)('$modes $requests $fields', (loss) => {
    const needless: string[] = []
    for (const { mode, requests } of found) {
      if (!loss.modes.some((prefix) => mode.startsWith(prefix))) continue
      for (const field of loss.fields) needless.push(...unneeded(loss, mode, requests, field))
    }
    expect(needless).toEqual([])
    for (const prefix of loss.modes) expect(found.some(({ mode }) => mode.startsWith(prefix))).toBe(true)
  })
})

type Found = readonly { readonly name: string; readonly deviations: readonly Deviation[] }[]

function unneeded(loss: Loss, mode: string, requests: Found, field: string): string[] {
  const differs = (name: string) =>
    requests.find((request) => request.name === name)?.deviations.some((d) => d.field === field)
  if (loss.requests.includes('*')) {
    return requests.some(({ name }) => differs(name)) ? [] : [`${mode} | * | ${field}`]
  }
  return loss.requests.filter((name) => differs(name) === false).map((name) => `${mode} | ${name} | ${field}`)
}

describe('what the server does not tell can be configured', () => {
  test.each(recordings)('$mode with the mount option', ({ mode, mount_point, requests }) => {
    const mounts = requests
      .filter(
        ({ expected }) => expected.script_name !== null && !expected.path_raw.startsWith(`${mount_point}.`),
      )
      .map((request) => {
        const read = translate(environmentOf(request), { mount: mount_point })
        return { request, read }
      })
    for (const { request, read } of mounts) {
      const rewritten = lossOf(mode, request.name, 'path') !== undefined
      expect([request.name, read.mount]).toEqual([request.name, request.expected.script_name])
      if (!rewritten)
        expect([request.name, read.rest]).toEqual([request.name, request.expected.path_info_raw])
    }
    expect(mounts.length).toBeGreaterThan(90)
  })

  test('only h2o needs it', () => {
    expect(losses.filter(isMountOnly).flatMap((loss) => loss.modes)).toEqual(['h2o'])
  })
})
