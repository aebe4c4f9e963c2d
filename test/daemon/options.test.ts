import { describe, expect, it } from 'vitest'
import { UsageError } from '../../src/core/errors.js'
import { checkProcessOptions, type ProcessOptions } from '../../src/process/options.js'

describe('options of a process', () => {
  it.each<[object, string]>([
    [{ workers: -1 }, "The option workers takes a whole number from 0 to 1024, or 'auto', not -1."],
    [{ workers: 1025 }, 'workers'],
    [{ workers: '4' }, 'not "4".'],
    [{ recycle: { maxRequests: 0 } }, 'The option recycle.maxRequests takes a whole number above 0, not 0.'],
    [{ recycle: { maxRequests: 1.5 } }, 'recycle.maxRequests'],
    [{ recycle: { maxMemory: '256M' } }, 'The option recycle.maxMemory takes a number of bytes, not "256M".'],
    [{ recycle: { maxAgeMs: Number.NaN } }, 'recycle.maxAgeMs'],
    [{ socketMode: '0660' }, 'The option socketMode takes a number such as 0o660, not "0660".'],
    [{ socketMode: 0o1777 }, 'socketMode'],
    [{ socketGroup: '' }, 'The option socketGroup takes the name or number of a group, not "".'],
    [{ socketGroup: -1 }, 'socketGroup'],
    [{ graceMs: -5 }, 'The option graceMs takes a number of milliseconds, not -5.'],
    [{ limits: { maxRequest: 2 } }, 'The option limits has no "maxRequest". It has: maxParamsBytes, '],
    [{ limits: { stderr: () => {} } }, 'The option limits has no "stderr". It has: maxParamsBytes, '],
    [{ limits: { maxRequests: 0 } }, 'The option limits.maxRequests takes a number above 0, not 0.'],
    [
      { limits: { maxConnections: '2' } },
      'The option limits.maxConnections takes a number above 0, not "2".',
    ],
    [
      { limits: { bodyTimeoutMs: -1 } },
      'The option limits.bodyTimeoutMs takes a number of 0 or more, not -1.',
    ],
    [{ limits: { maxBodyBytes: Number.NaN } }, 'limits.maxBodyBytes'],
    [{ limits: { multiplex: 1 } }, 'The option limits.multiplex takes true or false, not 1.'],
  ])('%j is refused', (options, message) => {
    expect(() => checkProcessOptions(options as ProcessOptions)).toThrow(UsageError)
    expect(() => checkProcessOptions(options as ProcessOptions)).toThrow(message)
  })

  it.each<ProcessOptions>([
    {},
    { workers: 0, recycle: {}, graceMs: 0 },
    { workers: 'auto' },
    {
      workers: 1024,
      recycle: { maxRequests: 1, maxMemory: 1, maxAgeMs: 1 },
      socketMode: 0o777,
      socketGroup: 0,
    },
    { socketGroup: 'www-data' },
    {
      limits: { maxBodyBytes: Number.POSITIVE_INFINITY, sendTimeoutMs: 0, maxRequests: 1, multiplex: false },
    },
  ])('%j is taken', (options) => {
    expect(() => checkProcessOptions(options)).not.toThrow()
  })
})
