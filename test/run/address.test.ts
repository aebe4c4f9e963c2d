import { describe, expect, it } from 'vitest'
import { parseAddress } from '../../src/socket/address.js'

describe('parseAddress', () => {
  it.each([
    ['localhost:3000', { host: 'localhost', port: 3000 }],
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    [':3000', { port: 3000 }],
    ['3000', { port: 3000 }],
    ['0', { port: 0 }],
    ['*:80', { host: '::', port: 80 }],
    ['[::1]:8080', { host: '::1', port: 8080 }],
    ['unix:/run/app.sock', { path: '/run/app.sock' }],
    ['unix:app.sock', { path: 'app.sock' }],
    ['/run/app.sock', { path: '/run/app.sock' }],
  ])('%s', (text, address) => {
    expect(parseAddress(text)).toEqual(address)
  })

  it.each([
    '',
    ':',
    'localhost',
    'localhost:',
    'localhost:x',
    ':65536',
    '::1:80',
    'http://localhost:80',
    'unix:',
    '/run/',
    '-1',
  ])('refuses %j', (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'ADDRESS_INVALID' }))
  })

  it('shows how to write the path of a socket', () => {
    expect(() => parseAddress('app.sock')).toThrow('For a socket file, write unix:app.sock')
  })
})
