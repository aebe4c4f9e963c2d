/**
 * What pages and reports never show to anyone: people send screenshots of them, and scripts on the page can
 * read them. One rule for all pages.
 */

import { percentDecode, textToBytes } from './text.js'

/** A part of a name that marks its value as a secret of the client or of this machine. */
const word =
  'AUTHORIZATION|COOKIE|PASS(?:WD|WORD|PHRASE|CODE)|SECRET|TOKEN|JWT|API[_-]?KEY|ACCESS[_-]?KEY|PRIVATE|' +
  'CREDENTIAL|SESSION|SIGNATURE|CSRF|XSRF|SALT'
const secretName = new RegExp(`${word}|(?:^|[_-])(?:PWD|PW|PASS|DSN|AUTH|KEY|SIG|OTP|PIN)$`, 'i')
/** `PWD` and `OLDPWD` are directories. */
const plainNames = new Set(['PWD', 'OLDPWD'])

/** `postgres://me:password@host`: the password, or everything before the `@`. */
const userinfo = /\b([a-z][a-z0-9+.-]{0,30}:\/\/)([^\s/?#"'<>@:]{0,200}):?[^\s/?#"'<>]{0,500}@/gi
/** `[a]`, `%5Ba%5D`: PHP's arrays. */
const brackets = '(?:\\[[^\\]\\s]{0,40}\\]|%5B[\\w%.-]{0,40}%5D)?'
/**
 * `?token=…`, `password=…` in a query, a form, or a connection string; in a query, also names that are secret
 * only if they match as a whole.
 */
const parameter = new RegExp(
  `((?:(?:^|[?&;=\\s"'])[\\w.-]{0,40}(?:${word}|[_.-](?:PWD|KEY|SIG|OTP))[\\w.-]{0,20}|` +
    `(?:^|[?&])(?:PWD|PW|PASS|AUTH|KEY|SIG|OTP|PIN))${brackets}=)(?!\\(\\d+ characters)([^&;#\\s"'<>]{1,2000})`,
  'gi',
)

/** Shorter values occur within too many other words to search for them. */
const minSearched = 6
/** Parts of a secret that are shorter than this reveal nothing. */
const minPiece = 3

/** Whether the value of a variable or header field must not be shown. */
export function isSecret(name: string): boolean {
  return secretName.test(name) && !plainNames.has(name)
}

export const masked = (value: string): string => `(${value.length} characters, not shown)`

/** The value of a variable as pages show it. */
export function shownValue(name: string, value: string): string {
  if (value !== '' && isSecret(name)) return masked(value)
  return withoutPasswords(value)
}

/** Masks passwords in URLs and secret parameters. */
function withoutPasswords(text: string): string {
  return text
    .replace(userinfo, (_, scheme: string, user: string) => `${scheme}${user}:(not shown)@`)
    .replace(parameter, (_, start: string, value: string) => start + masked(value))
}

/** Secrets that may appear in other text: the output of a program, an error message. */
export class Secrets {
  readonly #values = new Set<string>()

  /** Adds the values of secret names, and of secret parameters in a query. @param list `name, value, …` */
  addAll(list: readonly string[]): void {
    for (let i = 0; i + 1 < list.length; i += 2) {
      const [name, value] = [list[i] as string, list[i + 1] as string]
      if (isSecret(name)) this.add(value)
      else if (name.endsWith('QUERY_STRING')) this.#addQuery(value)
    }
  }

  #addQuery(query: string): void {
    for (const [name, value] of new URLSearchParams(query)) {
      if (isSecret(name.replace(/\[.*/s, ''))) this.add(textToBytes(value))
    }
  }

  /** Adds a value regardless of its variable's name, and each part of it that is a secret by itself. */
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

  /**
   * In the forms that programs print: unchanged, without quotes (`sid="…"`), decoded, or escaped in a
   * message.
   */
  #addPart(value: string): void {
    const bare = value.replace(/^"(.*)"$/s, '$1')
    for (const form of [value, bare, percentDecode(bare), JSON.stringify(value).slice(1, -1)])
      if (form.length >= minSearched) this.#values.add(form)
  }

  /** The text with all secrets masked, the longest first: one may be part of another. */
  masked(text: string): string {
    let out = text
    for (const value of [...this.#values].sort((a, b) => b.length - a.length)) {
      if (out.includes(value)) out = out.replaceAll(value, masked(value))
    }
    return withoutPasswords(this.#withoutPieces(out))
  }

  /** Truncated text may contain part of a secret before its ellipsis. */
  #withoutPieces(text: string): string {
    if (!text.includes('…')) return text
    const parts = text.split('…')
    const last = parts.pop()
    return [...parts.map((part) => this.#withoutEnd(part)), last].join('…')
  }

  #withoutEnd(part: string): string {
    let length = 0
    for (const value of this.#values) {
      for (let at = value.length - 1; at > length && at >= minPiece; at--)
        if (part.endsWith(value.slice(0, at))) length = at
    }
    return length === 0 ? part : `${part.slice(0, -length)}(cut, not shown)`
  }
}
