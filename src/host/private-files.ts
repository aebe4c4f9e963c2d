/**
 * Decides by name which files of a directory are not for visitors of a site. Only types in the table are
 * sent, so an unexpected kind of file is not.
 */
import { extname } from 'node:path'
import { mediaTypes } from './types.js'

export interface TypeOptions {
  /**
   * Media types by extension; they take precedence over the built-in ones. Files whose extension is in
   * neither table are not sent, so an entry here sends them (`{ '.bin': 'application/octet-stream' }`; `''`
   * is for names without an extension, `.php.txt` for a copy of a program to be read).
   */
  readonly types?: Readonly<Record<string, string>>
  /** Extensions that are never sent, whatever `types` says. Default none. */
  readonly refuse?: readonly string[]
}

/** Directories that are never searched for files or scripts: tools keep private data there. */
const closedDirectories: ReadonlySet<string> = new Set([
  'node_modules',
  'bower_components',
  '__pycache__',
  'CVS',
  'RCS',
  'SCCS',
  '_darcs',
])

/** Why a directory below the served one is closed; null when it is open. */
export function closedDirectory(name: string): string | null {
  if (name.startsWith('.')) return 'hidden files are not served'
  return closedDirectories.has(name) ? `${name} is not served` : null
}

/** What an extension outside the table of types usually is, for the message. */
const kinds: readonly (readonly [kind: string, extensions: string])[] = [
  [
    'a program',
    `php phtml php3 php4 php5 php7 php8 phps phar inc cgi fcgi pl pm t py pyw pyc pyo pyd rb erb rhtml sh bash zsh
     ksh csh fish bat cmd ps1 tcl lua lisp scm clj ex exs erl hs jl r go rs c h cc cpp cxx hpp cs vb java kt scala
     groovy swift m d pas asp aspx ashx asmx ascx jsp jspx jspf cfm cfc shtml shtm stm ssi ts mts cts tsx jsx cjs
     vue svelte coffee awk sed f f90 v vhd nim cr dart`,
  ],
  ['a binary', 'class jar war ear node so dll exe msi app dmg deb rpm apk ipa bin iso img o a lib obj'],
  [
    'a copy',
    'bak backup old orig rej save sav swp swo swn swx tmp temp copy dist sample example new prev 1 2 3',
  ],
  ['a database', 'db db3 sqlite sqlite3 sdb mdb accdb sql dump rdb frm myd myi ibd dbf ldb bson realm kdbx'],
  ['a key', 'pem key crt cer csr p12 pfx jks keystore asc gpg pgp ppk pub kbx ovpn htpasswd htdigest'],
  ['a configuration', 'env ini conf config cfg cnf properties toml yml yaml lock local plist reg htaccess'],
  ['a log', 'log err out pid trace core dmp'],
]

const kindOf: ReadonlyMap<string, string> = new Map(
  kinds.flatMap(([kind, extensions]) => extensions.split(/\s+/).map((name) => [`.${name}`, kind] as const)),
)

/** Names that have an extension of the table but belong to the project, not to the site. */
const projectNames =
  /^(?:package(?:-lock)?|npm-shrinkwrap|composer|bower|deno|biome|firebase|vercel|secrets?|credentials?)\.json$|^[jt]sconfig(?:\.[^.]+)?\.json$|^appsettings(?:\.[^.]+)?\.json$|^(?:client_secret|service[-_]?account)[^.]*\.json$|\.config\.m?js$|^(?:gulpfile|gruntfile)\.js$/i

/** Extensions added to another one: `wp-config.php.txt`, `dump.sql.gz`, `app.js.map`. */
const wrappers: ReadonlySet<string> = new Set('.txt .gz .tgz .bz2 .xz .zst .7z .zip .tar .map'.split(' '))
/**
 * Inner extensions, besides programs, that keep such a file private; `app.config.js.map` and `trace.zip` are
 * public.
 */
const wrappedToo: ReadonlySet<string> = new Set(['log', 'env', 'ini', 'htaccess', 'htpasswd'])

/** Removes these extensions from a path: the result is the file of which it is a copy. */
export function unwrapped(file: string): string {
  const extension = extname(file)
  return wrappers.has(extension.toLowerCase()) ? unwrapped(file.slice(0, -extension.length)) : file
}

/** Why a file is not sent. */
export interface Withheld {
  readonly why: string
  /** How to send the file anyway, when only its type prevents that. */
  readonly fix?: string
  /** The extension is that of a program. */
  readonly isProgram?: boolean
}

/**
 * Why a file of this name is not sent; null when it may be.
 *
 * @param name the last part of its path
 */
export function withheldName(name: string, options: TypeOptions = {}): Withheld | null {
  const refused = options.refuse?.find((extension) => endsIn(name, extension))
  if (refused !== undefined) return { why: `the option refuse has ${refused}` }
  if (givenType(name, options) !== undefined) return null
  const extension = extname(name).toLowerCase()
  if (/[~#]$/.test(name)) return { why: 'a copy left by an editor' }
  if (!mediaTypes.has(extension)) {
    const kind = kindOf.get(extension)
    const why =
      kind === undefined
        ? `${extension} is not in the table of types`
        : `${extension} is the extension of ${kind}`
    return {
      why: extension === '' ? 'it has no extension' : why,
      fix: fixFor(extension),
      isProgram: kind === 'a program',
    }
  }
  if (projectNames.test(unwrapped(name))) return { why: 'it is a project file', fix: fixFor(extension) }
  return wrappers.has(extension) ? wrapped(name) : null
}

function wrapped(name: string): Withheld | null {
  const parts = name.toLowerCase().split('.')
  for (let i = 1; i < parts.length - 1; i++) {
    const inner = parts[i] as string
    // A single letter or digit is a version or an initial, not an extension.
    const kind = inner.length > 1 ? kindOf.get(`.${inner}`) : undefined
    if (kind === 'a program' || kind === 'a database' || kind === 'a key' || wrappedToo.has(inner))
      return { why: `.${inner} is the extension of ${kind}`, fix: fixFor(`.${parts.slice(i).join('.')}`) }
  }
  return null
}

/** @param extension '' for none, which is written as a dot */
function fixFor(extension: string): string {
  return `To send such files: --type ${extension || '.'}=TYPE, or the option types.`
}

/** The media type for a file name. */
export function typeOf(name: string, options: TypeOptions): string {
  return givenType(name, options) ?? mediaTypes.get(extname(name).toLowerCase()) ?? 'application/octet-stream'
}

/** The type that the caller configured, by the longest extension. */
export function givenType(name: string, { types }: TypeOptions): string | undefined {
  if (types === undefined) return undefined
  const lower = name.toLowerCase()
  for (let at = lower.indexOf('.', 1); at >= 0; at = lower.indexOf('.', at + 1)) {
    const extension = lower.slice(at)
    if (Object.hasOwn(types, extension)) return types[extension]
  }
  return extname(name) === '' && Object.hasOwn(types, '') ? types[''] : undefined
}

function endsIn(name: string, extension: string): boolean {
  return extension === '' ? extname(name) === '' : name.toLowerCase().endsWith(extension.toLowerCase())
}
