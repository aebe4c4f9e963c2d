// A vitest reporter for .ci/run. Writes "PASSED FAILED" to the file in $REPORT, then the failures, short
// enough for the end of a log; prints the skipped tests.
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

export default class {
  onTestRunEnd(modules, unhandled) {
    const tests = modules.flatMap((module) => [...module.children.allTests()])
    const inState = (state) => tests.filter((test) => test.result().state === state)

    const skipped = inState('skipped')
    for (const test of skipped) process.stdout.write(`skipped: ${test.fullName}\n`)
    if (skipped.length > 0) process.stdout.write(`${skipped.length} skipped\n`)

    const failures = inState('failed').map((test) =>
      failure(test.module, test.fullName, test.result().errors),
    )
    // Files that could not be loaded, hooks of files and of describe().
    for (const module of modules) {
      for (const suite of [module, ...module.children.allSuites()]) {
        const errors = suite.errors()
        if (errors.length > 0) failures.push(failure(module, suite.fullName ?? '', errors))
      }
    }
    for (const error of unhandled) failures.push(`outside of the tests\n      ${message(error)}`)
    // A run without tests shows nothing.
    if (tests.length === 0) failures.push('no test was run')
    const shown = failures.slice(0, 20)
    if (failures.length > shown.length) shown.push(`and ${failures.length - shown.length} more`)
    const lines = [`${inState('passed').length} ${failures.length}`, ...shown.map((one) => `    ${one}`)]
    writeFileSync(process.env.REPORT, `${lines.join('\n')}\n`)
  }
}

function failure(module, name, [error]) {
  const file = relative('.', module.moduleId)
  const line = error?.stack?.split(`${module.moduleId}:`)[1]?.match(/^\d+/)
  const place = line ? `${file}:${line}` : file
  return `${name ? `${place} > ${short(name, 200)}` : place}\n      ${message(error)}`
}

/** A long message, such as one with a server's log, has the expectation at its end. */
function message(error) {
  const text = `${error?.name ?? 'Error'}: ${error?.message}`
  const expected = text.lastIndexOf(': expected ')
  return expected > 200 ? `${short(text, 60)} ${short(text.slice(expected), 140)}` : short(text, 200)
}

function short(text, length) {
  const line = stripVTControlCharacters(text).replace(/\s+/g, ' ').trim()
  return line.length > length ? `${line.slice(0, length)}...` : line
}
