#!/usr/bin/env node
// Express: an ordinary app, without app.listen().
import { run } from 'cgiup'
import express from 'express'

const app = express()

app.get('/', (req, res) => {
  res.send(`<!doctype html>
<title>Express</title>
<h1>Express</h1>
<form method="post" action="${req.baseUrl}/greet">
<label>Name <input name="name"></label> <button>Greet</button>
</form>`)
})

app.post('/greet', express.urlencoded({ extended: false }), (req, res) => {
  res.json({ hello: req.body.name, from: req.ip })
})

run(app)
