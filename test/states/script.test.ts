/**
 * For any actions of a script, its client and the clock: no state of a run is left in a way that its table
 * forbids.
 */
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ScriptBody } from '../../src/cgi/script/body.js'
import type { Exit, ScriptProcess } from '../../src/cgi/script/process.js'
import { ProcessGroup } from '../../src/cgi/script/process-group.js'
import { type RunContext, ScriptRun } from '../../src/cgi/script/run.js'
import { groupStates, outputStates, runStates } from '../../src/cgi/script/states.js'
import { ProgramError } from '../../src/core/errors.js'
import { forbidden, unused } from './steps.js'

vi.mock('../../src/core/states.js', async (original) => {
  const { recording } = await import('./steps.js')
  return recording(await original<typeof import('../../src/core/states.js')>())
})

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

async function settled(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('a process group', () => {
  /** @param answers whether the group still has members to get each signal */
  const groupOf = (answers: readonly boolean[]) => {
    let n = 0
    return new ProcessGroup(() => answers[n++ % answers.length] as boolean, 100)
  }
  const happens = {
    stop: (group: ProcessGroup) => group.stop(),
    exit: (group: ProcessGroup) => group.leaderExited(),
    close: (group: ProcessGroup) => group.outputClosed(),
    wait: () => void vi.advanceTimersByTime(150),
  } as const
  type Happening = keyof typeof happens

  const play = (answers: readonly boolean[], steps: readonly Happening[]) => {
    const group = groupOf(answers)
    let exits = 0
    // A process ends only once.
    for (const step of steps) if (step !== 'exit' || exits++ === 0) happens[step](group)
    expect(forbidden.splice(0)).toEqual([])
    return group.state
  }

  test.each<[state: string, answers: boolean[], steps: Happening[]]>([
    ['running', [true], ['close', 'wait']],
    ['stopping', [true], ['stop', 'stop']],
    ['killed', [true], ['stop', 'wait']],
    ['ended', [true], ['stop', 'wait', 'exit']],
    ['ended', [true, true, false], ['stop', 'wait', 'exit', 'stop']],
    ['finishing', [true], ['stop', 'exit', 'close']],
    ['ended', [true], ['stop', 'exit', 'wait']],
    ['ended', [true, false], ['stop', 'exit', 'wait']],
    ['ended', [false], ['exit']],
    ['killed', [false], ['stop']],
    ['left', [true], ['exit']],
    ['finishing', [true], ['exit', 'stop']],
    ['ended', [true, false], ['exit', 'stop']],
    ['daemon', [true], ['exit', 'close', 'wait']],
    ['finishing', [true], ['exit', 'close', 'stop']],
    ['ended', [true, false], ['exit', 'close', 'stop']],
  ])('is %s, signals %j, after %j', (state, answers, steps) => {
    expect(play(answers, steps)).toBe(state)
  })

  test('these use every row of the table', () => {
    expect(unused(groupStates)).toEqual([])
  })

  test('a group that has ended gets no signal any more: its id may be that of another one', () => {
    const signals: unknown[] = []
    const group = new ProcessGroup((signal) => signals.push(signal) < 0, 100)
    group.leaderExited()
    group.stop()
    vi.advanceTimersByTime(150)
    expect(signals).toEqual([0])
  })

  test('random events never lead out of the table', () => {
    const step = fc.constantFrom(...(Object.keys(happens) as Happening[]))
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
        fc.array(step, { maxLength: 12 }),
        (answers, steps) => void play(answers, steps),
      ),
      { numRuns: 1000 },
    )
  })
})

/** A script that is simulated by a test. */
class FakeProcess {
  readonly pid = 1
  readonly stdin = null
  readonly stdout = new PassThrough()
  readonly stderr = new PassThrough()
  exit: Exit | null = null
  #onExit: (() => void)[] = []

  onExit(callback: () => void): void {
    if (this.exit) callback()
    else this.#onExit.push(callback)
  }

  ended(): Promise<boolean> {
    return Promise.resolve(this.exit !== null)
  }

  /** Does not end the script: the steps of a test do. */
  stop(): void {}

  closeOutput(): void {
    this.stdout.destroy()
    this.stderr.destroy()
  }

  end(exit: Exit): void {
    if (this.exit) return
    this.exit = exit
    for (const callback of this.#onExit.splice(0)) callback()
  }
}

class Scene {
  readonly process = new FakeProcess()
  readonly #client = new AbortController()
  readonly run: ScriptRun
  /** What the handler does with a reply whose head is complete. */
  readonly #noBody: boolean
  readonly #length: number | null
  #body: ScriptBody | null = null
  #pulling = Promise.resolve<unknown>(undefined)

  constructor(noBody: boolean, length: number | null) {
    this.#noBody = noBody
    this.#length = length
    const exchange = {
      stdin: { length: 0, read: () => Promise.resolve(null), cancel() {} },
      signal: this.#client.signal,
      env: { list: [], get: () => undefined },
      gateway: { protocol: 'memory' },
      stderr() {},
      waitUntil() {},
    }
    const options = { headTimeoutMs: 1000, idleTimeoutMs: 1000, totalTimeoutMs: 9000, lingerMs: 500 }
    const context = {
      exchange,
      file: '/x.cgi',
      command: ['/x.cgi'],
      list: [],
      cwd: '/',
      spool: null,
      options,
    }
    this.run = new ScriptRun(context as unknown as RunContext, this.process as unknown as ScriptProcess)
    void this.#readHead()
  }

  /** As runScript() does. */
  async #readHead(): Promise<void> {
    const { run } = this
    try {
      let text = ''
      for (let piece = await run.take(); piece; piece = await run.take()) {
        text += Buffer.from(piece).toString()
        if (!text.includes('\n\n')) continue
        run.headDone()
        this.#answer()
        return
      }
      await run.verdict()
      if (text === '') throw new ProgramError('PROGRAM_HEAD_INVALID', 'The output is empty.')
      this.#answer()
    } catch (error) {
      await run.fail(error)
    }
  }

  #answer(): void {
    if (this.#noBody) this.run.discardBody()
    else this.#body = new ScriptBody(this.run, [], this.#length)
  }

  pull(): void {
    this.#pulling = this.#pulling.then(() => this.#body?.next()).catch(() => {})
  }

  giveUp(): void {
    void this.#body?.return()
  }

  abort(): void {
    this.#client.abort()
  }
}

const write = ({ process }: Scene, text: string) => {
  if (process.stdout.writable) process.stdout.write(text)
}

const happens = {
  head: (scene: Scene) => write(scene, 'A: b\n\n'),
  halfHead: (scene: Scene) => write(scene, 'A: b\n'),
  headAndAbort: (scene: Scene) => {
    scene.process.stdout.once('data', () => scene.abort())
    write(scene, 'A: b\n\n')
  },
  text: (scene: Scene) => write(scene, 'text'),
  large: (scene: Scene) => write(scene, 'x'.repeat(100_000)),
  words: ({ process }: Scene) => process.stderr.writable && process.stderr.write('words\n'),
  exit: ({ process }: Scene) => process.end({ code: 0, signal: null }),
  fail: ({ process }: Scene) => process.end({ code: 1, signal: null }),
  die: ({ process }: Scene) => process.end({ code: null, signal: 'SIGSEGV' }),
  close: ({ process }: Scene) => {
    process.stdout.end()
    process.stderr.end()
  },
  closeStdout: ({ process }: Scene) => process.stdout.end(),
  closeStderr: ({ process }: Scene) => process.stderr.destroy(),
  pull: (scene: Scene) => scene.pull(),
  giveUp: (scene: Scene) => scene.giveUp(),
  abort: (scene: Scene) => scene.abort(),
  soon: () => void vi.advanceTimersByTime(120),
  later: () => void vi.advanceTimersByTime(700),
  muchLater: () => void vi.advanceTimersByTime(4000),
} as const
type Happening = keyof typeof happens

async function play(noBody: boolean, length: number | null, steps: readonly Happening[]): Promise<ScriptRun> {
  const scene = new Scene(noBody, length)
  for (const step of steps) {
    happens[step](scene)
    await settled()
  }
  const { state } = scene.run
  // Everything that a run has started must end, including its timers.
  happens.exit(scene)
  scene.process.closeOutput()
  await settled()
  await scene.run.finished
  vi.advanceTimersByTime(10_000)
  await settled()
  expect(forbidden.splice(0)).toEqual([])
  return Object.assign(scene.run, { state })
}

describe('the run of a script', () => {
  test.each<[state: string, noBody: boolean, length: number | null, steps: Happening[]]>([
    ['head', false, null, ['halfHead']],
    ['body', false, null, ['head', 'text', 'pull', 'exit', 'close', 'pull']],
    ['unwanted', true, null, ['head', 'text', 'exit', 'close']],
    // Its head ends with its output.
    ['unwanted', true, null, ['halfHead', 'exit', 'close']],
    // All announced bytes have arrived, and it continues.
    ['unwanted', false, 4, ['head', 'pull', 'text', 'soon']],
    ['stopped', false, null, ['muchLater']],
    ['stopped', false, null, ['head', 'pull', 'muchLater']],
    ['stopped', true, null, ['head', 'abort', 'abort']],
    ['stopped', true, null, ['headAndAbort']],
    ['stopped', false, null, ['head', 'pull', 'abort', 'giveUp']],
    ['stopped', false, 4, ['head', 'pull', 'die', 'close']],
    // Another process has its output open, and writes nothing.
    ['body', false, null, ['head', 'exit', 'text', 'pull', 'later']],
  ])('is at %s: no body %s, length %s, %j', async (state, noBody, length, steps) => {
    expect((await play(noBody, length, steps)).state).toBe(state)
  })

  test('these use every row of the tables', () => {
    expect([runStates, outputStates].flatMap(unused)).toEqual([])
  })

  test('random events never lead out of the tables', async () => {
    const step = fc.constantFrom(...(Object.keys(happens) as Happening[]))
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.constantFrom(null, 4, 100_000),
        fc.array(step, { maxLength: 15 }),
        async (noBody, length, steps) => void (await play(noBody, length, steps)),
      ),
      { numRuns: 300 },
    )
  })
})
