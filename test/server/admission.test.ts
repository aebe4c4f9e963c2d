import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/errors.js'
import { type Daemon, serveDaemon } from '../../src/process/daemon.js'
import { type AdmissionOptions, admission } from '../../src/socket/admission.js'
import { tempDir } from '../support/temp.js'

const peer = (remoteAddress?: string) =>
  ({ remoteAddress, remoteFamily: remoteAddress?.includes(':') ? 'IPv6' : 'IPv4' }) as {
    remoteAddress: string | undefined
    remoteFamily: string
  }

describe('allow', () => {
  it.each<[allow: string[], address: string, comes: boolean]>([
    [['127.0.0.1'], '127.0.0.1', true],
    [['127.0.0.1'], '127.0.0.2', false],
    [['127.0.0.1'], '::1', false],
    [['10.0.0.0/8'], '10.255.3.4', true],
    [['10.0.0.0/8'], '11.0.0.1', false],
    [['192.0.2.0/24', '198.51.100.7'], '198.51.100.7', true],
    [['192.0.2.128/25'], '192.0.2.127', false],
    [[' 192.0.2.1 '], '192.0.2.1', true],
    [['::1'], '::1', true],
    [['2001:db8::/32'], '2001:db8:ffff::1', true],
    [['2001:db8::/32'], '2001:db9::1', false],
    [['fe80::/10'], 'fe80::1', true],
    // A dual-stack socket shows the addresses of IPv4 peers in this form.
    [['127.0.0.1'], '::ffff:127.0.0.1', true],
    [['10.0.0.0/8'], '::ffff:10.1.2.3', true],
    [['10.0.0.0/8'], '::ffff:11.1.2.3', false],
    [['::ffff:10.0.0.0/104'], '::ffff:10.1.2.3', true],
    [['::ffff:10.1.2.3'], '10.1.2.3', true],
    [['0.0.0.0/0'], '8.8.8.8', true],
    [['0.0.0.0/0'], '::1', false],
    [['::/0'], '::1', true],
    [[], '127.0.0.1', false],
  ])('%j, a connection of %s: %s', (allow, address, comes) => {
    const refusal = admission({ allow })(peer(address))
    expect(refusal).toBe(comes ? null : `connection from ${address} closed: not in the option allow`)
  })

  it('does not apply to Unix sockets: their mode does', () => {
    expect(admission({ allow: ['10.0.0.1'] })(peer())).toBeNull()
  })

  it('not set: every peer may connect', () => {
    expect(admission({})(peer('203.0.113.9'))).toBeNull()
    expect(admission({ webServerAddrs: '' })(peer('203.0.113.9'))).toBeNull()
  })
})

describe('FCGI_WEB_SERVER_ADDRS (FastCGI 1.0 section 3.2)', () => {
  it.each<[string, string | undefined, boolean]>([
    ['199.170.183.28,199.170.183.71', '199.170.183.71', true],
    ['199.170.183.28, 199.170.183.71', '199.170.183.71', true],
    ['199.170.183.28,199.170.183.71', '127.0.0.1', false],
    ['127.0.0.1', '::ffff:127.0.0.1', true],
    ['::1', '::1', true],
    // "If ... the client's address is not in the list, or is not an IP address": closed.
    ['127.0.0.1', undefined, false],
  ])('%s, a connection of %s: %s', (webServerAddrs, address, comes) => {
    const refusal = admission({ webServerAddrs })(peer(address))
    if (comes) expect(refusal).toBeNull()
    else expect(refusal).toMatch(/^connection from .* closed: not in FCGI_WEB_SERVER_ADDRS$/)
  })

  it('and allow: both must admit a peer', () => {
    const both = admission({ webServerAddrs: '127.0.0.1,10.0.0.1', allow: ['127.0.0.0/8'] })
    expect(both(peer('127.0.0.1'))).toBeNull()
    expect(both(peer('127.0.0.2'))).toContain('FCGI_WEB_SERVER_ADDRS')
    expect(both(peer('10.0.0.1'))).toContain('allow')
  })
})

describe('an invalid entry', () => {
  it.each<[AdmissionOptions, string]>([
    [
      { allow: ['localhost'] },
      'The option allow (--allow) has "localhost", which is not an IP address or a network; write 127.0.0.1 or 10.0.0.0/8.',
    ],
    [{ allow: ['10.0.0.0/33'] }, 'The option allow (--allow) has "10.0.0.0/33"'],
    [{ allow: ['10.0.0.0/-1'] }, 'The option allow (--allow) has "10.0.0.0/-1"'],
    [{ allow: ['10.0.0.0/'] }, 'The option allow (--allow) has "10.0.0.0/"'],
    [{ allow: ['10.0.0.0/8/8'] }, 'The option allow (--allow) has "10.0.0.0/8/8"'],
    [{ allow: ['::/129'] }, 'The option allow (--allow) has "::/129"'],
    [{ allow: ['10.0.0'] }, 'The option allow (--allow) has "10.0.0"'],
    [{ allow: [''] }, 'The option allow (--allow) has ""'],
    [{ webServerAddrs: '127.0.0.1,nonsense' }, 'FCGI_WEB_SERVER_ADDRS has "nonsense"'],
    [{ webServerAddrs: '127.0.0.1,' }, 'FCGI_WEB_SERVER_ADDRS has ""'],
  ])('%j', (options, message) => {
    expect(() => admission(options)).toThrow(UsageError)
    expect(() => admission(options)).toThrow(message)
  })
})

describe('over real sockets', () => {
  const lines: string[] = []
  let daemon: Daemon
  afterEach(async () => {
    await daemon.close(0)
    lines.length = 0
  })
  const reply = { status: 200, headers: [], body: 'hello' }
  const serve = async (options: object) => {
    daemon = await serveDaemon(() => reply, {
      host: '127.0.0.1',
      port: 0,
      stderr: (line) => lines.push(line),
      ...options,
    })
    const { address } = daemon
    return typeof address === 'string' ? { path: address } : { host: '127.0.0.1', port: address.port }
  }
  const ask = async (place: object): Promise<string> => {
    const socket = connect(place as never).on('error', () => {})
    let text = ''
    socket.on('data', (data) => {
      text += data
    })
    socket.write('GET / HTTP/1.0\r\n\r\n')
    await new Promise((resolve) => socket.on('close', resolve))
    return text
  }

  it('a peer that is not allowed is closed before it is read, with one log line', async () => {
    expect(await ask(await serve({ allow: ['127.0.0.2'] }))).toBe('')
    expect(lines).toEqual(['connection from 127.0.0.1 closed: not in the option allow\n'])
  })

  it('an allowed peer is served', async () => {
    expect(await ask(await serve({ allow: ['127.0.0.0/8'] }))).toContain('hello')
    expect(lines).toEqual([])
  })

  it('a Unix socket with FCGI_WEB_SERVER_ADDRS admits nobody', async () => {
    const path = `${tempDir('allow')}/s`
    expect(await ask(await serve({ path, webServerAddrs: '127.0.0.1' }))).toBe('')
    expect(lines).toEqual(['connection from a local process closed: not in FCGI_WEB_SERVER_ADDRS\n'])
  })

  it('an invalid entry: nothing is left listening', async () => {
    const path = `${tempDir('allow')}/s`
    await expect(serve({ path, allow: ['nonsense'] })).rejects.toThrow('"nonsense"')
    daemon = await serveDaemon(() => reply, { path })
  })
})
