import { describe, expect, test } from 'vitest'
import { Environment, joinValues } from '../../src/env/environment.js'
import { type CgiRequest, translate } from '../../src/env/request.js'
import { metaVariable, metaVariables } from '../../src/env/table.js'
import { environmentOf, recordings } from './captures.js'

test('every variable has one row', () => {
  expect(new Set(metaVariables.map((row) => row.name)).size).toBe(metaVariables.length)
})

test('every meta-variable of RFC 3875 section 4.1 has its clause', () => {
  const clauses = metaVariables.map((row) => row.clause)
  for (let section = 1; section <= 18; section++) expect(clauses).toContain(`4.1.${section}`)
})

test('every variable that a recorded server sent is in the table', () => {
  // Put into the servers' own environment by the recorder, to detect leaks.
  const planted = new Set(['MYVAR', 'SERVER_ENV_MARKER', 'HOME', 'LANG'])
  const unknown = new Set<string>()
  for (const request of recordings.flatMap((recording) => recording.requests)) {
    for (const name of Object.keys(environmentOf(request).toObject())) {
      if (metaVariable(name) === undefined && !planted.has(name)) unknown.add(name)
    }
  }
  expect([...unknown]).toEqual([])
})

describe('repeated values are joined as in the row', () => {
  test.each(metaVariables)('$name: $repeats', ({ name, repeats }) => {
    const variable = name.replace('*', 'X')
    const joined = repeats === 'last' ? 'b' : `a${repeats}b`
    expect(new Environment([variable, 'a', variable, 'b']).get(variable)).toBe(joined)
    expect(joinValues(variable, 'a', 'b')).toBe(joined)
  })
})

/** Everything an app sees of a request, except the variables themselves. */
function view(request: CgiRequest): string {
  const { method, target, form, path, query, mount, rest, scheme, authority, url, headers } = request
  const { contentLength, contentType, protocol, user, scriptFilename, serverName, serverPort } = request
  const { remoteAddress, remotePort, serverAddress } = request
  const first = {
    method,
    target,
    form,
    path,
    query,
    mount,
    rest,
    scheme,
    authority,
    url,
    headers,
    contentLength,
  }
  const second = { contentType, protocol, user, scriptFilename, serverName, serverPort, remoteAddress }
  return JSON.stringify({ ...first, ...second, remotePort, serverAddress })
}

/** Requests and values for which a variable matters. */
const bases: readonly (readonly string[])[] = [
  [],
  ['REQUEST_URI', '/a/b'],
  ['CONTENT_LENGTH', '5'],
  ['REQUEST_URI', '/a/b', 'SCRIPT_NAME', '/a/b', 'DOCUMENT_URI', '/a/b'],
  ['REQUEST_URI', '/a/b', 'SCRIPT_NAME', '/a/b', 'SCRIPT_FILENAME', 'proxy:fcgi://h/b'],
  ['SERVER_SOFTWARE', 'nginx/1.22.1', 'REMOTE_USER', 'ann'],
]
const values = ['/a', '/b', '/x', 'on', 'https', '81', 'chunked', 'nginx', 'Basic', '/a/b', 'h']

function hasSay(name: string): boolean {
  return bases.some((base) =>
    values.some((value) => {
      const before = base.filter((_, i) => base[i - (i % 2)] !== name)
      return (
        view(translate(new Environment([...before, name, value]))) !==
        view(translate(new Environment(before)))
      )
    }),
  )
}

describe('the request contains what the row lists', () => {
  test.each(metaVariables.filter((row) => !row.name.endsWith('*')))(
    '$name: "$request"',
    ({ name, request }) => {
      // AUTH_TYPE matters only if REMOTE_USER is not trusted without it.
      expect(hasSay(name)).toBe(request !== '' || name === 'AUTH_TYPE')
    },
  )
})
