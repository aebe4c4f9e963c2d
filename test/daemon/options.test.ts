import { describe, expect, it } from 'vitest'
import { checkProcessOptions, type ProcessOptions } from '../../src/daemon/options.js'
import { UsageError } from '../../src/errors.js'

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
  ])('%j is taken', (options) => {
    expect(() => checkProcessOptions(options)).not.toThrow()
  })
})
