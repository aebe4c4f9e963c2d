/**
 * The command `cgiup`. Only what the command asks for is loaded: a web server that starts
 * `#!/usr/bin/env cgiup` scripts comes through here for every request.
 */

const commands = {
  call: () => import('./call.js'),
  host: () => import('./host.js'),
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  const { fail } = await import('./fail.js')
  process.exitCode = fail(error)
}

async function main(args: string[]): Promise<void> {
  const [first] = args
  if (first !== undefined && Object.hasOwn(commands, first)) {
    const command = await commands[first as keyof typeof commands]()
    return command.main(args.slice(1))
  }
  if (first === undefined || ['--help', '-h', 'help', '--version', '-v'].includes(first)) {
    const { about } = await import('./about.js')
    return about(args)
  }
  const command = await import('./run.js')
  return command.main(args)
}

/** What every file of a command exports. */
export type Main = (args: string[]) => Promise<void>
