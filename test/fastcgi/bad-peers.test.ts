import { describe, expect, test } from 'vitest'
import { serve, text } from './serving.js'

describe('bad peers', () => {
  test('HTTP sent by mistake closes the connection with a line that says so', async () => {
    const { peer, log } = await serve(() => text(''))
    const p = peer()
    p.send('GET / HTTP/1.1\r\n\r\n')
    await p.close()
    expect(log).toEqual([expect.stringContaining('use fastcgi_pass, not proxy_pass')])
  })
})
