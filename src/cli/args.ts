/**
 * Command-line parsing: one table of options per command gives the parser, the help text and "did you mean".
 */

import { type ParseArgsConfig, parseArgs } from 'node:util'
import { nearest } from '../core/did-you-mean.js'
import { UsageError } from '../core/errors.js'

interface Option {
  readonly short?: string
  /** Placeholder of the value in the help, such as `ADDR`; absent for a switch. */
  readonly value?: string
  /** May be given more than once. */
  readonly many?: boolean
  readonly help: string
}

export interface Command {
  /** The lines after `Usage:`. */
  readonly usage: readonly string[]
  /** One or two paragraphs about what the command does. */
  readonly about: string
  readonly options: Readonly<Record<string, Option>>
  /** Text after the options in the help: examples, notes. */
  readonly more?: string
}

export interface Parsed {
  /** True for a switch, the value for an option, all values in order for a repeated option. */
  readonly values: Readonly<Record<string, string | boolean | string[] | undefined>>
  readonly positionals: readonly string[]
}

const help: Option = { short: 'h', help: 'Show this text.' }

/** @throws UsageError USAGE that names the unknown option and suggests the nearest known one */
export function parse(args: readonly string[], command: Command): Parsed {
  const table: Readonly<Record<string, Option>> = { ...command.options, help }
  const options: NonNullable<ParseArgsConfig['options']> = {}
  for (const [name, { short, value, many }] of Object.entries(table)) {
    options[name] = {
      type: value === undefined ? 'boolean' : 'string',
      ...(short !== undefined && { short }),
      ...(many && { multiple: true }),
    }
  }
  checkNames(args, table)
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    return { values: values as Parsed['values'], positionals }
  } catch (cause) {
    throw new UsageError('USAGE', plain((cause as Error).message), { cause })
  }
}

/** Rewords the message of `parseArgs` about a missing or unexpected value as a sentence. */
function plain(message: string): string {
  const [first = ''] = message.split(/\.\s/)
  const [, option = '', fault = ''] = /^Option '(?:-\w, )?(--[\w-]+)[^']*' (.*)$/.exec(first) ?? []
  if (fault === 'argument missing') return `The option ${option} needs a value.`
  if (fault === 'argument is ambiguous')
    return `The option ${option} needs a value; write a value that begins with "-" as ${option}=-VALUE.`
  if (fault === 'does not take an argument') return `The option ${option} takes no value.`
  return `${first}.`
}

function checkNames(args: readonly string[], table: Readonly<Record<string, Option>>): void {
  const names = Object.keys(table)
  const { tokens } = parseArgs({ args: [...args], options: switches(table), strict: false, tokens: true })
  for (const token of tokens) {
    if (token.kind !== 'option' || Object.hasOwn(table, token.name)) continue
    const near = token.rawName.startsWith('--') ? nearest(token.name, names) : undefined
    const hint = near === undefined ? listenHint(token.name, names) : ` Did you mean --${near}?`
    throw new UsageError('USAGE', `There is no option ${token.rawName}.${hint}`)
  }
}

/** A hint for users who expect the option name of another server. */
const listenHint = (name: string, names: readonly string[]): string =>
  ['port', 'p', 'bind', 'address'].includes(name) && names.includes('listen') ? ' Use --listen :3000.' : ''

function switches(table: Readonly<Record<string, Option>>): NonNullable<ParseArgsConfig['options']> {
  return Object.fromEntries(
    Object.entries(table).map(([name, { short, value }]) => [
      name,
      { type: value === undefined ? 'boolean' : 'string', ...(short !== undefined && { short }) } as const,
    ]),
  )
}

/** The help text of a command. */
export function helpText({ usage, about, options, more }: Command): string {
  const rows = Object.entries({ ...options, help }).map(([name, option]): [string, string] => [
    `${option.short ? `-${option.short}, ` : '    '}--${name}${option.value ? ` ${option.value}` : ''}`,
    option.help,
  ])
  const width = Math.max(...rows.map(([left]) => left.length)) + 2
  const indent = ' '.repeat(width + 2)
  const lines = rows.map(([left, right]) => `  ${left.padEnd(width)}${right.replaceAll('\n', `\n${indent}`)}`)
  const parts = [`Usage: ${usage.join('\n       ')}`, about, `Options:\n${lines.join('\n')}`]
  if (more) parts.push(more)
  return `${parts.join('\n\n')}\n`
}

/** The value of an option that may appear once, or undefined. */
export function one(parsed: Parsed, name: string): string | undefined {
  const value = parsed.values[name]
  return typeof value === 'string' ? value : undefined
}

/** All values of a repeated option. */
export function all(parsed: Parsed, name: string): readonly string[] {
  const value = parsed.values[name]
  return Array.isArray(value) ? value : []
}

/**
 * @param form how a pair is written, for the message
 * @throws UsageError USAGE for a value without a name or without "="
 */
export function pairs(texts: readonly string[], form: string): Record<string, string> {
  // No prototype, so that `__proto__=x` is a name like any other.
  const found: Record<string, string> = Object.create(null)
  for (const text of texts) {
    const at = text.indexOf('=')
    if (at < 1) throw new UsageError('USAGE', `${JSON.stringify(text)} does not have the form ${form}.`)
    found[text.slice(0, at)] = text.slice(at + 1)
  }
  return found
}
