#!/usr/bin/env node
// Hono: routes below the script, such as /hono.js/users/7.
import { run } from 'cgiup'
import { Hono } from 'hono'
import { html } from 'hono/html'

const app = new Hono()

app.get('/', (c) => {
  // Routes are below the script; links need the script's own path too.
  const { mount } = c.executionCtx
  return c.html(html`<!doctype html>
<title>Hono</title>
<h1>Hono</h1>
<ul>
<li><a href="${mount}/users/7">a route with a parameter</a>
<li><a href="${mount}/me">who the web server says you are</a>
</ul>`)
})

app.get('/users/:id', (c) => c.json({ id: c.req.param('id') }))

// c.env holds the CGI variables: REMOTE_USER is set where the web server asked for a password.
app.get('/me', (c) =>
  c.json({ user: c.env.REMOTE_USER ?? 'nobody in particular', address: c.env.REMOTE_ADDR }),
)

run(app)
