/**
 * The `cgiup` command. It loads only the code the command needs: a web server that starts `#!/usr/bin/env
 * cgiup` scripts runs this for every request.
 */

const commands = {
  call: async (args: string[]) => (await import('./call.js')).runCall(args),
  host: async (args: string[]) => (await import('./host.js')).runHost(args),
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  const { fail } = await import('./fail.js')
  process.exitCode = fail(error)
}

async function main(args: string[]): Promise<void> {
  const [first] = args
  // Under CGI the client may have written the arguments, and a server that starts scripts by relative names
  // (suEXEC) makes a script named `call` look like the command.
  const isCgi = Boolean(process.env.GATEWAY_INTERFACE || process.env.REQUEST_METHOD)
  if (!isCgi && first !== undefined && Object.hasOwn(commands, first) && !(await isFastcgi())) {
    return commands[first as keyof typeof commands](args.slice(1))
  }
  if (!isCgi && (first === undefined || ['--help', '-h', 'help', '--version', '-v'].includes(first))) {
    const { about } = await import('./about.js')
    return about(args)
  }
  const { runAppFile } = await import('./run.js')
  return runAppFile(args)
}

/** True in a FastCGI process: descriptor 0 is a listening socket, which no command uses. */
async function isFastcgi(): Promise<boolean> {
  const { stdinKind } = await import('../run/detect.js')
  return stdinKind() === 'listening'
}
