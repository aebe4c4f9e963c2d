import { describe, expect, test } from 'vitest'
import { Environment } from '../../src/env/environment.js'
import { layoutOf } from '../../src/env/layout.js'
import { nameAt } from '../../src/env/names.js'

const lists = {
  plain: ['REQUEST_METHOD', 'GET', 'HTTP_HOST', 'a.example', 'SERVER_PORT', '80'],
  other: ['HTTP_HOST', 'a.example', 'REQUEST_METHOD', 'GET', 'SERVER_PORT', '80'],
  repeated: ['HTTP_COOKIE', 'a=1', 'X', '1', 'HTTP_COOKIE', 'b=2', 'X', '2'],
}

describe('layouts', () => {
  test('the same names in the same order share one', () => {
    const again = lists.plain.map((item, i) => (i % 2 ? `${item}!` : `${item}`.slice()))
    expect(layoutOf(again)).toBe(layoutOf(lists.plain))
    expect(layoutOf(lists.other)).not.toBe(layoutOf(lists.plain))
    expect(layoutOf(lists.plain.slice(0, 4))).not.toBe(layoutOf(lists.plain))
  })

  test('objects of one layout are independent, however many there are', () => {
    const objects = Array.from({ length: 6 }, (_, i) =>
      new Environment([...lists.plain.slice(0, 5), `${i}`], true).toObject(),
    )
    expect(objects.map((object) => object.SERVER_PORT)).toEqual(['0', '1', '2', '3', '4', '5'])
    Object.assign(objects[5] as object, { SERVER_PORT: 'changed', MORE: 'yes' })
    const last = new Environment(lists.plain, true).toObject()
    expect(last).toEqual({ REQUEST_METHOD: 'GET', HTTP_HOST: 'a.example', SERVER_PORT: '80' })
    expect(Object.keys(last)).toEqual(['REQUEST_METHOD', 'HTTP_HOST', 'SERVER_PORT'])
  })

  test.each([1, 2, 3, 4])('repeats are joined or replaced each time (%i)', () => {
    const env = new Environment(lists.repeated, true)
    expect([env.hasRepeats, env.get('HTTP_COOKIE'), env.get('X')]).toEqual([true, 'a=1; b=2', '2'])
    expect(env.toObject()).toEqual({ HTTP_COOKIE: 'a=1; b=2', X: '2' })
  })

  test('a variable named __proto__ does nothing to the object', () => {
    for (let i = 0; i < 5; i++) {
      const object = new Environment(['__proto__', 'x', 'A', '1'], true).toObject()
      expect([Object.keys(object), Object.getPrototypeOf(object)]).toEqual([['A'], Object.prototype])
    }
  })

  test('more layouts and names than are kept: all are read right', () => {
    for (let i = 0; i < 5000; i++) {
      const text = `--NAME_${i}_${'x'.repeat(i % 80)}--`
      const name = nameAt(text, 2, text.length - 2)
      expect(name).toBe(text.slice(2, -2))
      expect(new Environment([name, `${i}`, 'A', 'b']).get(name)).toBe(`${i}`)
    }
  })
})
