/**
 * Checks the tests' own client and reader against PHP's FastCGI responder, which shares no code with ours.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodePairs, encodeRecords, type Rec, Type } from '../fuzz/records.js'
import { needs, which } from '../support/needs.js'
import { until } from '../support/processes.js'
import { runs } from '../support/runs.js'
import { tempDir } from '../support/temp.js'
import * as peer from './peer.js'
import { readAnswers, type WireReply } from './wire.js'

describe.skipIf(!needs('php-cgi'))('PHP understands what our tests send', () => {
  const dir = tempDir('php')
  const script = join(dir, 'tell.php')
  const path = join(dir, 's')
  let php: ChildProcess

  beforeAll(async () => {
    writeFileSync(
      script,
      `<?php foreach ($_SERVER as $name => $value) if (is_string($value)) echo bin2hex($name), '=', bin2hex($value), "\\n";
       echo "body=", bin2hex(file_get_contents('php://input')), "\\n";`,
    )
    php = spawn(which('php-cgi') as string, ['-n', '-d', 'variables_order=S', '-b', path], {
      stdio: 'ignore',
      env: { PATH: process.env.PATH, PHP_FCGI_CHILDREN: '0', PHP_FCGI_MAX_REQUESTS: '1000' },
    })
    await until(() => existsSync(path), 10_000)
  })
  afterAll(async () => {
    php.kill('SIGKILL')
    await once(php, 'exit')
  })

  const ask = async (bytes: Buffer): Promise<WireReply> => {
    const socket = connect(path)
    const got: Buffer[] = []
    socket.on('data', (chunk) => got.push(chunk))
    socket.write(bytes)
    await once(socket, 'close')
    const { replies, rest } = readAnswers(Buffer.concat(got), true)
    expect([replies.length, rest]).toEqual([1, 0])
    return replies[0] as WireReply
  }

  /** The script's output: hexadecimal names and values. */
  const told = ({ stdout }: WireReply): Map<string, string> => {
    const text = stdout.toString('latin1')
    const lines = text
      .slice(text.indexOf('\r\n\r\n') + 4)
      .trim()
      .split('\n')
    return new Map(lines.map((line) => line.split('=') as [string, string]))
  }

  const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex')

  const fixed = (length: number): [string, string][] => [
    ['SCRIPT_FILENAME', script],
    ['REQUEST_METHOD', 'POST'],
    ['CONTENT_TYPE', 'application/octet-stream'],
    ['CONTENT_LENGTH', `${length}`],
    ['REDIRECT_STATUS', '200'],
  ]

  const check = (reply: WireReply, list: readonly (readonly [string, string])[], body: Uint8Array) => {
    expect(reply).toMatchObject({ id: 1, appStatus: 0, protocolStatus: 0 })
    const seen = told(reply)
    for (const [name, value] of list) expect([name, seen.get(hex(name))]).toEqual([name, hex(value)])
    expect(seen.get('body')).toBe(Buffer.from(body).toString('hex'))
  }

  const pair = fc.tuple(
    fc.string({ unit: fc.constantFrom('A', 'B', '_'), minLength: 1, maxLength: 300 }).map((n) => `HTTP_${n}`),
    fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)), maxLength: 300 }),
  )
  const list = fc.uniqueArray(pair, { selector: ([name]) => name, maxLength: 8 })

  test('generated requests, with short lengths in four bytes too, and any padding', async () => {
    const one = fc.tuple(list, fc.boolean(), fc.nat(255), fc.uint8Array({ maxLength: 3000 }))
    await fc.assert(
      fc.asyncProperty(one, async ([pairs, long, padding, body]) => {
        const all = [...fixed(body.length), ...pairs]
        const empty = new Uint8Array(0)
        // PHP does not skip the padding of the record that ends PARAMS.
        const rec = (type: number, content: Uint8Array): Rec => ({
          ...{ type, id: 1, content, fill: 7 },
          padding: content === empty ? 0 : padding,
        })
        const records = [
          rec(Type.BEGIN, Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0)),
          rec(Type.PARAMS, encodePairs(all, long)),
          rec(Type.PARAMS, empty),
          ...(body.length > 0 ? [rec(Type.STDIN, body)] : []),
          rec(Type.STDIN, empty),
        ]
        check(await ask(encodeRecords(records)), all, body)
      }),
      { numRuns: runs(40) },
    )
  })

  test('requests of the hand-written tests', async () => {
    const body = 'x'.repeat(70_000)
    const all = fixed(body.length)
    const text = peer.begin(1) + peer.params(1, all.flat()) + peer.stdin(1, body) + peer.stdinEnd(1)
    check(await ask(Buffer.from(text, 'latin1')), all, Buffer.from(body))
  })
})
