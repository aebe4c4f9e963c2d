import { describe, expect, test } from 'vitest'
import { Environment } from '../../src/env/environment.js'

const bytes = (text: string) => Buffer.from(text, 'latin1')

describe('get', () => {
  test('gives a value, and undefined for a name that is not there', () => {
    const env = new Environment(['A', '1', 'B', ''])
    expect(env.get('A')).toBe('1')
    expect(env.get('B')).toBe('')
    expect(env.get('C')).toBeUndefined()
    expect(env.get('toString')).toBeUndefined()
  })

  test('joins a header that came on several lines (RFC 3875 section 4.1.18)', () => {
    const env = new Environment(['HTTP_X', '1', 'A', 'a', 'HTTP_X', '2', 'HTTP_X', '3'])
    expect(env.get('HTTP_X')).toBe('1, 2, 3')
    expect(env.hasRepeats).toBe(true)
    expect(env.list).toEqual(['HTTP_X', '1', 'A', 'a', 'HTTP_X', '2', 'HTTP_X', '3'])
  })

  test('joins cookies with "; "', () => {
    expect(new Environment(['HTTP_COOKIE', 'a=1', 'HTTP_COOKIE', 'b=2']).get('HTTP_COOKIE')).toBe('a=1; b=2')
  })

  test('of a CGI variable the last one counts', () => {
    const env = new Environment(['SCRIPT_NAME', '/included', 'SCRIPT_NAME', '/own'])
    expect(env.get('SCRIPT_NAME')).toBe('/own')
  })

  test('a name without a value at the end of the list is not there', () => {
    expect(new Environment(['A', '1', 'B']).get('B')).toBeUndefined()
  })

  test('hasRepeats is false without repeats', () => {
    expect(new Environment(['A', '1', 'B', '2']).hasRepeats).toBe(false)
    expect(new Environment([]).hasRepeats).toBe(false)
  })
})

describe('fromBytes', () => {
  test('reads a block as /proc/self/environ has it, order and repeats kept', () => {
    const env = Environment.fromBytes(bytes('B=2\0A=1=1\0HTTP_X=a\0HTTP_X=b\0EMPTY=\0'))
    expect(env.list).toEqual(['B', '2', 'A', '1=1', 'HTTP_X', 'a', 'HTTP_X', 'b', 'EMPTY', ''])
  })

  test('keeps bytes that are not UTF-8', () => {
    const env = Environment.fromBytes(bytes('REQUEST_URI=/caf\xe9\0'))
    expect(env.get('REQUEST_URI')).toBe('/caf\xe9')
    expect(env.toObject().REQUEST_URI).toBe('/caf\xe9')
  })

  test('passes over what is not a variable', () => {
    expect(Environment.fromBytes(bytes('novalue\0=x\0\0A=1')).list).toEqual(['A', '1'])
    expect(Environment.fromBytes(bytes('')).list).toEqual([])
    expect(Environment.fromBytes(bytes('a\0b=c\0')).list).toEqual(['b', 'c'])
  })

  test('reads a part of a larger buffer', () => {
    const block = bytes('X=0\0A=1\0Y=2\0')
    expect(Environment.fromBytes(block.subarray(4, 8)).list).toEqual(['A', '1'])
    expect(Environment.fromBytes(new Uint8Array(block).subarray(4, 8)).list).toEqual(['A', '1'])
  })
})

describe('fromObject', () => {
  test('takes text back to the bytes it was decoded from', () => {
    const env = Environment.fromObject({ REQUEST_URI: '/café', HTTP_X: 'é', A: '1', GONE: undefined })
    expect(env.list).toEqual(['REQUEST_URI', '/caf\xc3\xa9', 'HTTP_X', '\xc3\xa9', 'A', '1'])
  })

  test('gives the same as the block it was decoded from', () => {
    const block = Buffer.from('A=ä\0HTTP_X=日本\0B=😀\0')
    const decoded = Object.fromEntries([
      ['A', 'ä'],
      ['HTTP_X', '日本'],
      ['B', '😀'],
    ])
    expect(Environment.fromObject(decoded).list).toEqual(Environment.fromBytes(block).list)
  })
})

describe('toObject', () => {
  test('is without HTTP_PROXY, which apps would hand to their HTTP libraries (CVE-2016-5385)', () => {
    expect(new Environment(['A', '1', 'HTTP_PROXY', 'x']).toObject()).toEqual({ A: '1' })
    expect(new Environment(['HTTP_PROXY', 'x', 'A', '1'], true).toObject()).toEqual({ A: '1' })
  })

  test('decodes UTF-8, but not in headers, which are Latin-1', () => {
    const env = Environment.fromBytes(Buffer.from('REMOTE_USER=jürgen\0HTTP_X=jürgen\0'))
    expect(env.toObject()).toEqual({ REMOTE_USER: 'jürgen', HTTP_X: 'jÃ¼rgen' })
  })

  test('has joined values and is built once', () => {
    const env = new Environment(['HTTP_X', '1', 'HTTP_X', '2', 'A', '1', 'A', '2'])
    expect(env.toObject()).toEqual({ HTTP_X: '1, 2', A: '2' })
    expect(env.toObject()).toBe(env.toObject())
  })

  test('a value that is UTF-8 of U+FFFD is not a broken value', () => {
    expect(Environment.fromBytes(Buffer.from('A=\ufffd\0')).toObject().A).toBe('\ufffd')
  })

  test('no name reaches the prototype of the object', () => {
    const object = new Environment(['__proto__', 'x', 'constructor', 'y']).toObject()
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
    expect(object.constructor).toBe('y')
    expect(({} as { x?: unknown }).x).toBeUndefined()
  })
})
