#!/usr/bin/env node
// The smallest app: an object with fetch(request).
import { run } from 'cgiup'

run({
  fetch(request) {
    const name = new URL(request.url).searchParams.get('name') ?? 'world'
    return new Response(`Hello, ${name}!\n`)
  },
})
