import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/errors.js'
import { run } from '../../src/index.js'
import { checkRunOptions } from '../../src/run/check.js'
import type { RunOptions } from '../../src/run/options.js'

describe('options of run()', () => {
  it.each<[object, string]>([
    [{ workers: -1 }, "The option workers must be a whole number from 0 to 1024, or 'auto', not -1."],
    [{ workers: 1025 }, 'workers'],
    [{ workers: '4' }, 'not "4".'],
    [
      { recycle: { maxRequests: 0 } },
      'The option recycle.maxRequests must be a whole number above 0, not 0.',
    ],
    [{ recycle: { maxRequests: 1.5 } }, 'recycle.maxRequests'],
    [
      { recycle: { maxMemory: '256M' } },
      'The option recycle.maxMemory must be a whole number of bytes, 16777216 or more, not "256M". Write 268435456.',
    ],
    [{ recycle: { maxAgeMs: Number.NaN } }, 'recycle.maxAgeMs'],
    [{ socketMode: '0660' }, 'The option socketMode must be a number such as 0o660, not "0660".'],
    [{ socketMode: 0o1777 }, 'socketMode'],
    [{ socketGroup: '' }, 'The option socketGroup must be the name or number of a group, not "".'],
    [{ socketGroup: -1 }, 'socketGroup'],
    [{ graceMs: -5 }, 'The option graceMs must be a whole number of milliseconds, 0 to 2147483647, not -5.'],
    [{ limits: { maxRequest: 2 } }, 'The option limits has no "maxRequest". It has: maxParamsBytes, '],
    [{ limits: { stderr: () => {} } }, 'The option limits has no "stderr". It has: maxParamsBytes, '],
    [{ limits: { maxRequests: 0 } }, 'The option limits.maxRequests must be a number above 0, not 0.'],
    [
      { limits: { maxConnections: '2' } },
      'The option limits.maxConnections must be a number above 0, not "2".',
    ],
    [
      { limits: { bodyTimeoutMs: -1 } },
      'The option limits.bodyTimeoutMs must be a number of milliseconds, 0 or more, not -1.',
    ],
    [{ limits: { maxBodyBytes: Number.NaN } }, 'limits.maxBodyBytes'],
    [
      { recycle: { maxMemory: 256 } },
      'The option recycle.maxMemory must be a whole number of bytes, 16777216 or more, not 256. 256 MiB is 268435456 bytes.',
    ],
    [
      { recycle: { maxAge: 5 } },
      'has no "maxAge". It has: maxRequests, maxMemory, maxAgeMs. Did you mean maxAgeMs?',
    ],
    [{ limits: { sendTimeoutMs: '30s' } }, '0 or more, not "30s". Write 30000.'],
    [{ limits: 5 }, 'The option limits must be an object of limits, not 5.'],
    [{ cgi: { drainMS: 5 } }, 'The option cgi has no "drainMS". It has: maxBodyBytes, '],
    [
      { cgi: { waitUntilMs: -1 } },
      'The option cgi.waitUntilMs must be a number of milliseconds, 0 or more, not -1.',
    ],
    [{ prot: 3000 }, 'run() has no option "prot". It has: '],
    [{ prot: 3000 }, 'Did you mean port?'],
    [{ port: '3000' }, 'The option port must be a whole number from 0 to 65535, not "3000".'],
    [{ quiet: 'no' }, 'The option quiet must be true or false, not "no".'],
    [{ target: 'path' }, "The option target must be 'auto', 'request-uri' or 'script', not \"path\"."],
    [{ allow: '10.0.0.0/8' }, 'The option allow must be an array of strings, not "10.0.0.0/8".'],
    [
      { limits: new Map([['maxBodyBytes', 5]]) },
      'The option limits must be an object of limits, not another object.',
    ],
    [{ cgi: [] }, 'The option cgi must be an object of limits, not an array.'],
    [{ recycle: Object.create(null, { maxRequests: { value: [], enumerable: true } }) }, 'not an array.'],
    [{ limits: { multiplex: 1 } }, 'The option limits.multiplex must be true or false, not 1.'],
  ])('%j is refused', (options, message) => {
    expect(() => checkRunOptions(options as RunOptions)).toThrow(UsageError)
    expect(() => checkRunOptions(options as RunOptions)).toThrow(message)
  })

  it.each([3000, '3000'])('%j instead of the options is refused', async (options) => {
    const running = run({ fetch: () => new Response() }, options as RunOptions)
    await expect(running).rejects.toThrow(
      `The second argument of run() must be an object of options, such as { port: 3000 }, not ${JSON.stringify(options)}.`,
    )
  })

  it.each<RunOptions>([
    {},
    { workers: 0, recycle: {}, graceMs: 0 },
    { workers: 'auto' },
    { recycle: { maxRequests: Number.POSITIVE_INFINITY, maxAgeMs: Number.POSITIVE_INFINITY } },
    {
      workers: 1024,
      recycle: { maxRequests: 1, maxMemory: 16 << 20, maxAgeMs: 1 },
      socketMode: 0o777,
      socketGroup: 0,
    },
    { socketGroup: 'www-data' },
    {
      limits: { maxBodyBytes: Number.POSITIVE_INFINITY, sendTimeoutMs: 0, maxRequests: 1, multiplex: false },
    },
  ])('%j is accepted', (options) => {
    expect(() => checkRunOptions(options)).not.toThrow()
  })
})
