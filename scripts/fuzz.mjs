/**
 * Bundles test/fuzz/main.ts to JavaScript and runs it: `npm run fuzz -- --seconds=600`. CONTRIBUTING.md
 * describes it.
 */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

// Beside its source, from which it finds the recordings by a relative path.
const file = fileURLToPath(new URL(`../test/fuzz/.main-${process.pid}.mjs`, import.meta.url))
const bundle = await rolldown({
  input: fileURLToPath(new URL('../test/fuzz/main.ts', import.meta.url)),
  platform: 'node',
  external: [/^[^./]/],
  logLevel: 'warn',
})
await bundle.write({ file, format: 'esm', codeSplitting: false })
process.on('exit', () => rmSync(file, { force: true }))

const child = spawn(process.execPath, [file, ...process.argv.slice(2)], { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code) => process.exit(code ?? 1))
