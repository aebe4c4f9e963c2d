/** The programs that a test needs, and the message if one is missing. */

import { accessSync, appendFileSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

interface Program {
  /** Debian package that contains it. */
  readonly debian: string
  /** Files outside of the search path; any one of them is enough. */
  readonly files?: readonly string[]
}

/** Every program other than Node that a test may start. scripts/install-servers.sh installs the packages. */
const programs = {
  apache2: { debian: 'apache2' },
  lighttpd: { debian: 'lighttpd' },
  nginx: { debian: 'nginx' },
  fcgiwrap: { debian: 'fcgiwrap' },
  'spawn-fcgi': { debian: 'spawn-fcgi' },
  'php-cgi': { debian: 'php-cgi' },
  caddy: { debian: 'caddy' },
  h2o: { debian: 'h2o' },
  haproxy: { debian: 'haproxy' },
  multiwatch: { debian: 'multiwatch' },
  'cgi-fcgi': { debian: 'libfcgi-bin' },
  'systemd-socket-activate': { debian: 'systemd' },
  'systemd-analyze': { debian: 'systemd' },
  git: { debian: 'git' },
  'git-http-backend': { debian: 'git', files: ['/usr/lib/git-core/git-http-backend'] },
  gitweb: { debian: 'gitweb', files: ['/usr/share/gitweb/gitweb.cgi', '/usr/lib/cgi-bin/gitweb.cgi'] },
  perl: { debian: 'perl' },
  'CGI.pm': { debian: 'libcgi-pm-perl', files: ['/usr/share/perl5/CGI.pm'] },
  python3: { debian: 'python3' },
  curl: { debian: 'curl' },
  openssl: { debian: 'openssl' },
} as const satisfies Record<string, Program>

export type ProgramName = keyof typeof programs

// Debian keeps servers in sbin, which is not on the search path of ordinary users.
const searchPath = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']

/** The path of a program, or undefined if it is not installed. */
export function which(name: string): string | undefined {
  const known: Program | undefined = programs[name as ProgramName]
  const candidates = known?.files ?? searchPath.filter(Boolean).map((directory) => join(directory, name))
  return candidates.find((file) => (known?.files ? existsSync(file) : isExecutable(file)))
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * True if all programs are installed: `describe.skipIf(!needs('apache2'))('…', …)`. A missing one is listed
 * with its Debian package in the summary of the run; with CI=true it is an error.
 */
export function needs(...names: ProgramName[]): boolean {
  const missing = names.filter((name) => which(name) === undefined)
  for (const name of missing) {
    const line = `needs ${name} (Debian package ${programs[name].debian})`
    if (process.env.CI === 'true') throw new Error(`${line}; run scripts/install-servers.sh`)
    say(`skipped: ${line}`)
  }
  return missing.length === 0
}

/** Adds a line to the summary at the end of the run; prints it at once if there is no surrounding run. */
function say(line: string): void {
  const file = process.env.CGIUP_TEST_NOTES
  if (file) appendFileSync(file, `${line}\n`)
  else console.log(line)
}
