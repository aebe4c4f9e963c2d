import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decide } from '../../src/env/decide.js'
import { Environment } from '../../src/env/environment.js'

const file = new URL('../fixtures/targets/environments.txt', import.meta.url)
const lines = readFileSync(file, 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))

/** Four lines each. */
const recorded = lines.flatMap((name, i) => {
  if (i % 4 !== 0) return []
  const [row = '', sees = '', variables = ''] = lines.slice(i + 1, i + 4).map((line) => line.trim())
  return [{ name, row, sees, env: Environment.fromObject(JSON.parse(variables)) }]
})

function read(env: Environment, target?: 'auto' | 'request-uri' | 'script') {
  const { row, request, refused, status } = decide(env, { target })
  const { mount, rest, query } = request
  expect(refused).toBeNull()
  expect(mount + rest).toBe(request.path)
  return {
    row: status === 0 ? row : `${row} ${status}`,
    sees: `${mount}|${rest}${query === null ? '' : `?${query}`}`,
  }
}

describe('recorded environments', () => {
  test('there are 56', () => {
    expect(recorded).toHaveLength(56)
  })

  test.each(recorded)('$name: $row', ({ row, sees, env }) => {
    expect(read(env)).toEqual({ row, sees })
  })
})

describe('the option target', () => {
  const denied = recorded.filter(({ env }) => env.get('REDIRECT_STATUS') === '403')

  test.each(denied)('no mode shows the path that was refused: $name', ({ row, sees, env }) => {
    expect(read(env, 'request-uri')).toEqual({ row, sees })
    expect(read(env, 'script')).toEqual({ row, sees })
  })

  test.each(recorded.filter((one) => !denied.includes(one)))('request-uri: $name', ({ sees, env }) => {
    const included = env.get('SERVER_PROTOCOL') === 'INCLUDED'
    const path = read(env, 'request-uri').sees.replace('|', '').split('?')[0]
    if (included) expect(read(env, 'request-uri').sees).toBe(sees)
    else expect(path).toBe(env.get('REQUEST_URI')?.split('?')[0])
  })

  test.each(recorded)('script: $name', ({ env }) => {
    const { row, sees } = read(env, 'script')
    expect(row).not.toMatch(/^(front-controller|not-found-controller)/)
    if (env.get('REDIRECT_URL') !== undefined || env.get('SERVER_PROTOCOL') === 'INCLUDED') return
    const served = `${env.get('SCRIPT_NAME') ?? ''}${env.get('PATH_INFO') ?? ''}`
    expect(sees.replace('|', '').split('?')[0]).toBe(served || env.get('DOCUMENT_URI'))
  })
})
