/** `cgiup call --explain`: shows violations of RFC 3875 beside the header lines they are in. */
import { HeadParser } from '../cgi/codec/head-parser.js'
import { decide } from '../env/decide.js'
import { Environment } from '../env/environment.js'
import { switchOffRepairs } from '../env/repairs.js'
import { firedRepairs } from '../env/repairs-fired.js'
import { lintEnv } from '../lint/environment.js'
import type { Finding } from '../lint/finding.js'
import { headLines, lintOutput } from '../lint/output.js'
import type { OutputSubject } from '../lint/output-subject.js'
import { namesIn } from '../run/repairs.js'

/**
 * Prints the findings on stderr: first those about the variables the script got, then those about its output.
 * @returns true when one about the output is an error
 */
export function explainRun(run: OutputSubject, environment: readonly string[]): boolean {
  useRepairsOf(new Environment(environment))
  process.stderr.write(targetLine(new Environment(environment)))
  process.stderr.write(repairLine(new Environment(environment)))
  for (const { level, seen, fix, clause } of lintEnv(new Environment(environment), { isCgi: true })) {
    process.stderr.write(`environment, ${level}: ${seen}\n         ${fix} (${clause})\n`)
  }
  const findings = lintOutput(run)
  process.stderr.write(report(run, findings))
  return findings.some(({ level }) => level === 'error')
}

/**
 * The row of the table that decided the request target (docs/environment.md); '' when the target is used as
 * sent.
 */
function targetLine(env: Environment): string {
  const { row, request, refused, status } = decide(env, { isCgi: true })
  if (row === 'as-sent' && refused === null) return ''
  if (refused !== null)
    return `target: the reply is ${refused.status} and the app is not called (row ${row} in docs/environment.md)\n`
  const { mount, rest, query } = request
  const path = JSON.stringify(rest + (query === null ? '' : `?${query}`))
  const error = status === 0 ? '' : `; a 200 reply is sent as ${status}`
  return `target: the app gets ${path} below the mount path ${JSON.stringify(mount)}${error} (row ${row} in docs/environment.md)\n`
}

/** Applies the CGIUP_REPAIRS of the script (`--env`) to this report. */
function useRepairsOf(env: Environment): void {
  try {
    switchOffRepairs(namesIn(env.get('CGIUP_REPAIRS') ?? ''))
  } catch {
    // The script itself reports an invalid value.
  }
}

/** The repairs that changed the environment; '' for none. */
function repairLine(env: Environment): string {
  const fired = firedRepairs(env, { isCgi: true })
  return fired.length === 0 ? '' : `repairs: ${fired.join(', ')} (docs/environment.md)\n`
}

/** The text of the report: each header line with its findings, then the findings about the whole output. */
function report(run: OutputSubject, findings: readonly Finding[]): string {
  const out = ['', `--- ${summary(findings)}`]
  for (const { number, text } of headLines(run.output).slice(0, maxLines)) {
    const here = findings.filter(({ line }) => line === number)
    if (here.length === 0) continue
    out.push(`line ${number}  ${visible(text)}`)
    for (const finding of here) out.push(...told(finding))
  }
  for (const finding of findings) if (finding.line === null) out.push(...told(finding))
  return `${out.join('\n')}\n`
}

/**
 * Maximum number of lines of a broken header that are checked: without a header, the whole page counts as
 * one.
 */
const maxLines = 100

function summary(findings: readonly Finding[]): string {
  const errors = findings.filter(({ level }) => level === 'error').length
  const warnings = findings.length - errors
  if (findings.length === 0) return 'Nothing in this reply violates RFC 3875.'
  const count = (n: number, word: string) => (n === 0 ? [] : [`${n} ${word}${n === 1 ? '' : 's'}`])
  return [...count(errors, 'error'), ...count(warnings, 'warning')].join(', ')
}

function told({ level, seen, fix, clause }: Finding): string[] {
  return [`  ${level}: ${seen}`, `         ${fix} (${clause})`]
}

/** A line for the terminal: control characters are escaped, and long lines are shortened. */
function visible(text: string): string {
  const shown = JSON.stringify(Buffer.from(text, 'latin1').toString()).slice(1, -1).replaceAll('\\"', '"')
  return shown.length > 100 ? `${shown.slice(0, 97)}...` : shown
}

/** True when the output has a header that a web server accepts. */
export function isReply(output: Uint8Array, nph: boolean): boolean {
  try {
    return new HeadParser({ nph, maxBytes: output.length + 1 }).push(output) !== null
  } catch {
    return false
  }
}
