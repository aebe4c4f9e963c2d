import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { parse } from '../../src/cli/args.js'
import { valued } from '../../src/cli/run.js'
import { appCommand, readRunOptions } from '../../src/cli/run-options.js'

const options = (...args: string[]) => readRunOptions(parse(['app.js', ...args], appCommand))

describe('options of a persistent process', () => {
  it.each<[string[], object]>([
    [['--workers', '4'], { workers: 4 }],
    [['-w', '0'], { workers: 0 }],
    [['--workers', 'auto'], { workers: availableParallelism() }],
    [['--socket-mode', '0660'], { socketMode: 0o660 }],
    [['--socket-mode', '0o777'], { socketMode: 0o777 }],
    [['--socket-mode', '600'], { socketMode: 0o600 }],
    [['--socket-group', 'www-data'], { socketGroup: 'www-data' }],
    [['--socket-group', '33'], { socketGroup: 33 }],
    [['--allow', '127.0.0.1,10.0.0.0/8', '--allow', '::1'], { allow: ['127.0.0.1', '10.0.0.0/8', '::1'] }],
    [['--max-requests', '10000'], { recycle: { maxRequests: 10000 } }],
    [['--max-memory', '256M'], { recycle: { maxMemory: 256 * 2 ** 20 } }],
    [['--max-memory', '1.5 gb'], { recycle: { maxMemory: 1.5 * 2 ** 30 } }],
    [['--max-memory', '300000000'], { recycle: { maxMemory: 300_000_000 } }],
    [['--max-age', '12h', '--max-requests', '5'], { recycle: { maxRequests: 5, maxAgeMs: 12 * 3600_000 } }],
    [['--restart-on-change'], { restartOnChange: true }],
    [['--target', 'request-uri'], { target: 'request-uri' }],
    [[], {}],
  ])('%j', (args, expected) => expect(options(...args)).toEqual(expected))

  it.each<[string[], string]>([
    [['--workers', 'many'], '--workers must be a number from 0 to 1024, or auto, not "many".'],
    [['--workers=-1'], '--workers must be'],
    [['--target', 'path'], '--target must be auto, request-uri or script, not "path".'],
    [['--workers', '5000'], '--workers must be'],
    [['--workers', '1.5'], '--workers must be'],
    [['--socket-mode', '0888'], '--socket-mode must be an octal mode such as 0660, not "0888".'],
    [['--socket-mode', 'rw'], '--socket-mode must be'],
    [['--socket-group', ''], '--socket-group must be'],
    [['--max-requests', '0'], '--max-requests must be a whole number above 0, not "0".'],
    [
      ['--max-memory', '256 apples'],
      '--max-memory must be a size of 16M or more, such as 256M or 1G, not "256 apples".',
    ],
    [['--max-memory', '0'], '--max-memory must be'],
    [['--max-memory', '5'], 'such as 256M or 1G, not "5". A number without a unit is bytes.'],
    [['--max-memory', '5M'], '--max-memory must be a size of 16M or more, such as 256M or 1G, not "5M".'],
    [['--max-age', '10'], '--max-age must be a time such as 90s, 30m or 12h, not "10".'],
  ])('%j is refused', (args, message) => {
    const attempt = () => options(...args)
    expect(attempt).toThrow(message)
  })

  it('the first line of a CGI script may contain any of them, with its value', () => {
    for (const [name, { value, short }] of Object.entries(appCommand.options)) {
      expect([name, valued.test(`--${name}`)]).toEqual([name, value !== undefined])
      if (short) expect([short, valued.test(`-${short}`)]).toEqual([short, value !== undefined])
    }
  })
})
