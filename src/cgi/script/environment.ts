/** Converts a list of meta-variables (byte strings) to the environment of a process. */
import { isUtf8 } from 'node:buffer'
import { masked, shownValue } from '../../env/secrets.js'

export interface ScriptLaunch {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/**
 * Node writes the environment of a child as UTF-8, so values that are not UTF-8 (`/caf%E9`, a Latin-1 header)
 * cannot be passed. A POSIX shell sets those few and then executes the script. It gets only octal numbers: no
 * part of the request is interpreted as a command.
 */
export function launch(command: readonly string[], list: readonly string[]): ScriptLaunch {
  // No prototype: a variable may be called `__proto__`.
  const env: Record<string, string> = Object.create(null)
  let raw = ''
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string
    const value = list[i + 1] as string
    const text = decode(value)
    if (text !== null) env[name] = text
    else if (!value.includes('\0') && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) raw += assignment(name, value)
  }
  if (raw === '') return { command, env }
  return { command: ['/bin/sh', '-c', `${raw}unset PWD OLDPWD SHLVL; exec "$0" "$@"`, ...command], env }
}

/** The text that Node encodes back to these bytes; null if there is none. */
export function decode(latin1: string): string | null {
  if (latin1.includes('\0')) return null
  if (!/[\x80-\xff]/.test(latin1)) return latin1
  const bytes = Buffer.from(latin1, 'latin1')
  return isUtf8(bytes) ? bytes.toString('utf8') : null
}

/** A command substitution removes trailing line ends: the x protects them. */
function assignment(name: string, latin1: string): string {
  return `${name}=$(printf '${octal(latin1)}x'); ${name}=\${${name}%x}; export ${name}; `
}

function octal(latin1: string): string {
  return latin1.replace(/[^A-Za-z0-9/._]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`)
}

/** A byte string as one word of a POSIX shell, safe to copy and paste. */
export function shellWord(latin1: string): string {
  const text = decode(latin1)
  // A control character could affect the terminal it is pasted into; '!' could affect an interactive bash.
  if (text === null || /\p{Cc}/u.test(text)) return `"$(printf '${octal(latin1)}')"`
  return /^[A-Za-z0-9/._:,@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/**
 * A command line that runs the script by hand as it was run for the request.
 *
 * @param hides whether the value of a name is a secret: it is replaced by a variable of the reader's shell
 */
export function commandLine(
  command: readonly string[],
  cwd: string,
  list: readonly string[],
  body: number,
  hides: (name: string) => boolean,
): string {
  const bytes = (text: string) => Buffer.from(text, 'utf8').toString('latin1')
  const lines = [`cd ${shellWord(bytes(cwd))} && env -i`]
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string
    const value = list[i + 1] as string
    if (!hides(name) || value === '') lines.push(`  ${name}=${shellWord(shownValue(name, value))}`)
    else if (/^[A-Za-z_]\w*$/.test(name)) lines.push(`  ${name}="$${name}"`)
    else lines.push(`  ${name}=${shellWord(masked(value))}`)
  }
  const words = command.map((word) => shellWord(bytes(word))).join(' ')
  // The body is not kept: the reader must put it into a file.
  lines.push(`  ${words} < ${body > 0 ? `body # ${body} bytes` : '/dev/null'}`)
  return lines.join(' \\\n')
}
