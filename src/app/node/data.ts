/** A Body as a Readable: the second body of a FastCGI Filter. */
import { Readable } from 'node:stream'
import type { Body } from '../../core/exchange.js'

export const readableOf = (body: Body): Readable =>
  new Readable({
    read() {
      body.read().then(
        (piece) => this.push(piece),
        (error: Error) => this.destroy(error),
      )
    },
    destroy(error, done) {
      body.cancel()
      done(error)
    },
  })
