/**
 * Options of `cgiup APP` for a persistent process. Invalid values give an error that shows the accepted form.
 */
import { availableParallelism } from 'node:os'
import { UsageError } from '../core/errors.js'
import { recycleLimits } from '../core/limits/recycle.js'
import type { RunOptions } from '../run/options.js'
import { type Command, one, type Parsed } from './args.js'
import { allow, allowOf } from './http-options.js'
import { limitOf } from './limit-options.js'

export const processOptions: Command['options'] = {
  workers: {
    short: 'w',
    value: 'N',
    help: 'Number of processes that share the socket; auto is one per CPU.\nDefault 0: a single process.',
  },
  'socket-mode': { value: 'MODE', help: 'Permissions of the Unix socket, octal. Default 0660.' },
  'socket-group': { value: 'GROUP', help: 'Group of the Unix socket, such as www-data.' },
  allow,
  'max-requests': { value: 'N', help: 'Recycle the process after this number of requests.' },
  'max-memory': { value: 'SIZE', help: 'Recycle it when its memory exceeds this (256M, 1G); at least 16M.' },
  'max-age': { value: 'TIME', help: 'Recycle it after this time: 90s, 30m, 12h.' },
  'restart-on-change': { help: 'Recycle it when the app file or tmp/restart.txt changes.' },
}

/** @throws UsageError USAGE */
export function readProcessOptions(parsed: Parsed): RunOptions {
  const workers = read(parsed, 'workers', workerCount)
  const socketMode = read(parsed, 'socket-mode', mode)
  const socketGroup = read(parsed, 'socket-group', group)
  const maxRequests = limitOf(parsed, recycleLimits.maxRequests)
  const maxMemory = limitOf(parsed, recycleLimits.maxMemory)
  const maxAgeMs = limitOf(parsed, recycleLimits.maxAgeMs)
  const recycle = {
    ...(maxRequests !== undefined && { maxRequests }),
    ...(maxMemory !== undefined && { maxMemory }),
    ...(maxAgeMs !== undefined && { maxAgeMs }),
  }
  return {
    ...(workers !== undefined && { workers }),
    ...(socketMode !== undefined && { socketMode }),
    ...(socketGroup !== undefined && { socketGroup }),
    ...allowOf(parsed),
    ...(Object.keys(recycle).length > 0 && { recycle }),
    ...(parsed.values['restart-on-change'] === true && { restartOnChange: true }),
  }
}

/** The value of an option; undefined when the option is absent. */
function read<T>(parsed: Parsed, name: string, reader: Reader<T>): T | undefined {
  const text = one(parsed, name)
  if (text === undefined) return undefined
  const value = reader.read(text.trim())
  if (value !== undefined) return value
  throw new UsageError('USAGE', `--${name} must be ${reader.takes}, not ${JSON.stringify(text)}.`)
}

interface Reader<T> {
  readonly takes: string
  read(text: string): T | undefined
}

const whole = (text: string): number | undefined => (/^\d{1,15}$/.test(text) ? Number(text) : undefined)

const workerCount: Reader<number> = {
  takes: 'a number from 0 to 1024, or auto',
  read: (text) => {
    if (text === 'auto') return availableParallelism()
    const count = whole(text)
    return count !== undefined && count <= 1024 ? count : undefined
  },
}

const mode: Reader<number> = {
  takes: 'an octal mode such as 0660',
  read: (text) => (/^(0o?)?[0-7]{3}$/.test(text) ? Number.parseInt(text.slice(-3), 8) : undefined),
}

const group: Reader<string | number> = {
  takes: 'the name or number of a group',
  read: (text) => whole(text) ?? (text === '' ? undefined : text),
}
