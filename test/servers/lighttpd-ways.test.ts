/**
 * More ways from lighttpd to a persistent process: by extension, at the root, over TCP, SCGI, two processes.
 */

import { readFileSync, readlinkSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { needs } from '../support/needs.js'
import { processesIn, until } from '../support/processes.js'
import { request } from '../support/request.js'
import { fcgiScripts } from './docroot.js'
import { limit } from './early.js'
import { type LossRun, losesNone, lossRun } from './losses.js'
import { type Site, useSite } from './site.js'
import { startLighttpdWays } from './sites/lighttpd-persistent.js'

describe.skipIf(!needs('lighttpd')).each(['fetch', 'express'] as const)('lighttpd, %s', (app) => {
  const site = useSite(() => startLighttpdWays(app))
  const ports = {
    'by extension': () => site().port,
    'at the root, two processes': () => site().ports.PROCS as number,
    'at the root over TCP': () => site().ports.TCP as number,
    'at the root, mod_scgi with bin-path': () => site().ports.SCGI as number,
  }

  it.each(Object.entries(ports))('%s: the address, and Authorization', async (name, port) => {
    const mount = name === 'by extension' ? `/fcgi/${fcgiScripts.express}` : ''
    const below = '/-/echo//a%20b/%c3%a9/x+y%2Fz?'
    const headers = ['Host: example.org', 'Authorization: Bearer t0ken']
    const reply = await request({ port: port() }, { target: mount + below, headers })
    expect(reply, site().log()).toMatchObject({ status: 200, complete: true })
    const seen = JSON.parse(reply.text)
    const origin = app === 'fetch' ? 'http://example.org' : ''
    expect(seen).toMatchObject({ mount, url: origin + mount + below, below: origin + below, method: 'GET' })
    expect(seen.headers.authorization).toBe('Bearer t0ken')
  })

  if (app === 'fetch') limit('mod_fastcgi', ports['at the root over TCP'])
  if (app === 'fetch') losesNone({ site, port: ports['at the root, two processes'], mount: '' }, [16])
  if (app === 'express')
    losesNone({ site, port: ports['at the root, mod_scgi with bin-path'], mount: '' }, [16])
})

/** The processes that lighttpd has started at the root, in the order of their sockets. */
function children(site: Site): number[] {
  const sockets = readFileSync('/proc/net/unix', 'utf8').split('\n')
  const socketOf = (pid: number) => {
    const inode = /\d+/.exec(readlinkSync(`/proc/${pid}/fd/0`))?.[0]
    return sockets.find((line) => line.includes(` ${inode} `)) ?? ''
  }
  return processesIn(site.docroot.path)
    .filter((one) => one.command.endsWith('/fcgi/fetch.mjs'))
    .map((one) => one.pid)
    .filter((pid) => socketOf(pid).includes('root.sock'))
    .sort((a, b) => (socketOf(a) < socketOf(b) ? -1 : 1))
}

describe.skipIf(!needs('lighttpd'))('lighttpd under load', () => {
  const site = useSite(() => startLighttpdWays('fetch'))
  const load = (method: LossRun['method'], until: Promise<unknown>) =>
    lossRun({ port: site().ports.PROCS as number, mount: '', method, until, kept: false })
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

  it.each([
    ['GET', 0],
    ['POST', 1],
  ] as const)('%s, one of the two processes ends', async (method, which) => {
    // Both have loaded the app, and lighttpd considers both alive.
    expect((await load('GET', pause(1200))).lost).toBe(0)
    expect(await until(() => children(site()).length === 2)).toBe(true)
    process.kill(children(site())[which] as number, 'SIGTERM')
    const report = await load(method, pause(1200))
    expect(report, site().log().slice(-2000)).toMatchObject({ lost: 0, differences: [] })
  })

  it('GET, one of the two processes is killed: no more is lost than it had', async () => {
    expect(await until(() => children(site()).length === 2)).toBe(true)
    process.kill(children(site())[0] as number, 'SIGKILL')
    const report = await load('GET', pause(1200))
    expect(report.lost).toBeLessThanOrEqual(16)
    expect(await until(() => children(site()).length === 2)).toBe(true)
    expect((await load('GET', pause(200))).lost).toBe(0)
  })

  it.each(['GET', 'POST'] as const)('%s, SIGUSR1 to lighttpd', async (method) => {
    const pid = processesIn(site().run).find((one) => one.command.includes('lighttpd'))?.pid as number
    process.kill(pid, 'SIGUSR1')
    const report = await load(method, pause(1500))
    expect(report, site().log().slice(-2000)).toMatchObject({ lost: 0, differences: [] })
  })
})
