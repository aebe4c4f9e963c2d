#!/usr/bin/env node
// What the web server says of this request: all CGI variables.
import { handler, run } from 'cgiup'

// The lowest level: a handler gets the environment unchanged and returns status, headers and body.
run(
  handler(({ env, gateway }) => {
    const lines = [`gateway: ${gateway.protocol}`, '']
    for (const [name, value] of Object.entries(env.toObject()).sort()) lines.push(`${name}=${value}`)
    return {
      status: 200,
      headers: ['Content-Type', 'text/plain; charset=utf-8', 'Cache-Control', 'no-store'],
      body: `${lines.join('\n')}\n`,
    }
  }),
)
