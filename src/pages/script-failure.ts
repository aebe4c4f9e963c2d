/** Handles a failed script: logs the cause, and sends the client a page. */

import { basename } from 'node:path'
import { logLine, markExplained } from '../cgi/codec/error-text.js'
import { reasonPhrase } from '../cgi/codec/status.js'
import { decode } from '../cgi/script/environment.js'
import { ScriptError } from '../cgi/script/error.js'
import { showsDevelopment } from '../core/development.js'
import { CgiupError, RequestError, shortage } from '../core/errors.js'
import type { Exchange, Handler, Reply } from '../core/exchange.js'
import { escapeHtml, htmlReply, plainReply, statusOf } from './page.js'

/**
 * Answers errors of a handler. Clients that may see development pages get one for the script's author: what
 * was seen, what was expected, how to run the script by hand. Others get only the status.
 */
export async function answering(
  handler: Handler,
  exchange: Exchange,
  development: boolean | undefined,
): Promise<Reply> {
  try {
    return await handler(exchange)
  } catch (caught) {
    const error = shortage(caught, 'The request failed') ?? caught
    // No client is left to read a page.
    if (exchange.signal.aborted || (error instanceof CgiupError && error.code === 'REQUEST_ABORTED'))
      throw error
    exchange.stderr(logLine(exchange.env, logText(error)))
    const reply = pageOf(error, showsDevelopment(exchange, development))
    if (reply.status !== 503) return markExplained(reply)
    return markExplained({ ...reply, headers: [...reply.headers, 'Retry-After', '5'] })
  }
}

function pageOf(error: unknown, development: boolean): Reply {
  if (development && error instanceof ScriptError) return scriptPage(error)
  if (development && error instanceof CgiupError) return errorPage(error)
  return plainReply(statusOf(error))
}

function logText(error: unknown): string {
  if (!(error instanceof CgiupError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  return error instanceof RequestError ? error.message : `${error.message}\n${error.fix}`
}

function errorPage(error: CgiupError): Reply {
  const body = `<h1>${statusOf(error)} ${escapeHtml(error.message)}</h1><p>${escapeHtml(error.fix)}</p>`
  return htmlReply(statusOf(error), error.message, body)
}

function scriptPage(error: ScriptError): Reply {
  const { file, output, stderr, exit, command } = error.report
  const title = `${error.status} ${reasonPhrase(error.status)}: ${basename(file)}`
  const part = (name: string, text: string) =>
    `<h2>${name}</h2><pre>${text === '' ? '<i>nothing</i>' : escapeHtml(text)}</pre>`
  const body = [
    `<h1>${escapeHtml(title)}</h1>`,
    `<p>${escapeHtml(error.message)}</p>`,
    `<p>${escapeHtml(error.fix)}</p>`,
    `<p><small><code>${escapeHtml(file)}</code> ${escapeHtml(exit)}. Error code: <code>${error.code}</code></small></p>`,
    part('First bytes of the output', shown(output)),
    part('End of the standard error', stderr),
    part('To run it by hand', decode(command) ?? command),
    hiddenNote(command),
    '<p>You see this page because the host is in development mode; in production, clients do not see it.</p>',
  ]
  return htmlReply(error.status, title, body.join('\n'))
}

function hiddenNote(command: string): string {
  const names = Array.from(command.matchAll(/^ {2}(\w+)="\$\1"/gm), ([, name]) => `<code>${name}</code>`)
  if (names.length === 0) return ''
  return `<p><small>Secrets are not shown. Set them in your shell first: ${names.join(', ')}.</small></p>`
}

/** Bytes as text; bytes that are not text are shown as `\x00`, line ends are kept. */
function shown(latin1: string): string {
  const text = decode(latin1) ?? latin1
  return text.replace(/[^\P{Cc}\n\t]/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
