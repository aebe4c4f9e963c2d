// Prints "PASSED FAILED" of a vitest report, and what was skipped on stderr.
import { readFileSync } from 'node:fs'

const [file, status] = process.argv.slice(2)
const report = JSON.parse(readFileSync(file, 'utf8'))

const skipped = report.testResults.flatMap((suite) =>
  suite.assertionResults.filter((test) => test.status === 'skipped' || test.status === 'pending'),
)
for (const test of skipped) process.stderr.write(`skipped: ${test.fullName}\n`)
if (skipped.length > 0) process.stderr.write(`${skipped.length} skipped\n`)

// A file that could not be loaded has no tests that could fail, and a run without tests shows nothing.
let failed = report.numFailedTests
failed += report.testResults.filter(
  (suite) => suite.status === 'failed' && suite.assertionResults.length === 0,
).length
if (report.numTotalTests === 0) failed++
if (failed === 0 && Number(status) !== 0) failed = 1
process.stdout.write(`${report.numPassedTests} ${failed}\n`)
