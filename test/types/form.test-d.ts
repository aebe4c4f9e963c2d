import type { IncomingMessage } from 'node:http'
import express from 'express'
import { H3 } from 'h3'
import { Hono } from 'hono'
import Koa from 'koa'
import { expectTypeOf, test } from 'vitest'
import { type Form, type FormFile, form } from '../../src/form.js'
import type { Exchange } from '../../src/index.js'

test('form() accepts the request of every kind of app', () => {
  expectTypeOf(form({} as Request)).toEqualTypeOf<Promise<Form>>()
  form({} as IncomingMessage)
  form({} as Exchange)
  express().post('/', (req) => form(req))
  new Koa().use((ctx) => form(ctx.req))
  new Hono().post('/', async (c) => c.text((await form(c.req.raw)).get('name') ?? ''))
  new H3().post('/', async (event) => (await form(event.req)).getAll('name'))
})

test('limits are numbers, and a misspelled one is refused', () => {
  form({} as Request, { fileSize: 1024, files: 1, store: 'memory' })
  form({} as Request, {
    store: async (file) => {
      expectTypeOf(file.name).toEqualTypeOf<string>()
      for await (const piece of file) expectTypeOf(piece).toEqualTypeOf<Uint8Array>()
    },
  })
  // @ts-expect-error
  form({} as Request, { fileSiz: 1024 })
  // @ts-expect-error
  form({} as Request, { fileSize: '1MB' })
  // @ts-expect-error
  form({} as Request, { store: 'tape' })
  // @ts-expect-error
  form('a=1')
})

test('the content of a form', () => {
  const data = {} as Form
  expectTypeOf(data.get('name')).toEqualTypeOf<string | undefined>()
  expectTypeOf(data.file('photo')).toEqualTypeOf<FormFile | undefined>()
  expectTypeOf(data.filesOf('photo')).toEqualTypeOf<FormFile[]>()
})
