/**
 * What pages and reports never show, whoever looks at them: people send screenshots of them, and scripts of the
 * page can read them. One rule for all pages.
 */

/** A part of a name that makes its value a secret of the client or of this machine. */
const word =
  'AUTHORIZATION|COOKIE|PASS(?:WD|WORD|PHRASE|CODE)|SECRET|TOKEN|JWT|API[_-]?KEY|ACCESS[_-]?KEY|PRIVATE|' +
  'CREDENTIAL|SESSION|SIGNATURE|CSRF|XSRF|SALT'
const secretName = new RegExp(`${word}|(?:^|[_-])(?:PWD|PW|PASS|DSN|AUTH|KEY|SIG|OTP|PIN)$`, 'i')
/** `PWD` and `OLDPWD` are directories. */
const plainNames = new Set(['PWD', 'OLDPWD'])

/** `postgres://me:password@host`: the password, or the whole of what stands before the `@`. */
const userinfo = /\b([a-z][a-z0-9+.-]{0,30}:\/\/)([^\s/?#"'<>@:]{0,200}):?[^\s/?#"'<>]{0,500}@/gi
/** `?token=…`, `password=…` in a query, a form, or a connection string. */
const parameter = new RegExp(
  `((?:^|[?&;=\\s"'])[\\w.-]{0,40}(?:${word}|[_.-](?:PWD|KEY|SIG|OTP))[\\w.-]{0,20}=)(?!\\(\\d+ characters)([^&;#\\s"'<>]{1,2000})`,
  'gi',
)

/** Shorter values are part of too many other words to be searched for. */
const MIN_SEARCHED = 6

/** A variable or header field whose value is not shown. */
export function isSecret(name: string): boolean {
  return secretName.test(name) && !plainNames.has(name)
}

export const masked = (value: string): string => `(${value.length} characters, not shown)`

/** The value of a variable as pages show it. */
export function shownValue(name: string, value: string): string {
  if (value !== '' && isSecret(name)) return masked(value)
  return withoutPasswords(value)
}

/** Passwords in URLs and secret parameters masked. */
function withoutPasswords(text: string): string {
  return text
    .replace(userinfo, (_, scheme: string, user: string) => `${scheme}${user}:(not shown)@`)
    .replace(parameter, (_, start: string, value: string) => start + masked(value))
}

/** Secrets that may turn up in other text: what a program has printed, an error's message. */
export class Secrets {
  readonly #values = new Set<string>()

  /** Adds the values of secret names. @param list `name, value, …` */
  addAll(list: readonly string[]): void {
    for (let i = 0; i + 1 < list.length; i += 2) {
      if (isSecret(list[i] as string)) this.add(list[i + 1] as string)
    }
  }

  /** Adds a value whatever its name is, with the parts that are secrets by themselves. */
  add(value: string): void {
    this.#addPart(value)
    // Cookies, `Bearer xyz`, `Basic …`, `user:password`.
    for (const part of value.split(/[\s;,]+/)) {
      this.#addPart(part)
      const at = part.indexOf('=')
      if (at > 0) this.#addPart(part.slice(at + 1))
    }
    const [, basic] = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(value) ?? []
    if (basic === undefined) return
    const text = atob(basic.replace(/=+$/, ''))
    this.#addPart(text)
    this.#addPart(text.slice(text.indexOf(':') + 1))
  }

  #addPart(value: string): void {
    if (value.length >= MIN_SEARCHED) this.#values.add(value)
  }

  /** The text with all of them masked, the longest first: one may be a part of another. */
  masked(text: string): string {
    let out = text
    for (const value of [...this.#values].sort((a, b) => b.length - a.length)) {
      if (out.includes(value)) out = out.replaceAll(value, masked(value))
    }
    return withoutPasswords(out)
  }
}
