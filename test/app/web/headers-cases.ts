import { type Case, last, type Web } from './observe.js'

type Init = ConstructorParameters<typeof Headers>[0]

const inits: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 1],
  ['a string', 'ab'],
  ['a symbol', Symbol('a')],
  ['true', true],
  ['an empty object', {}],
  ['a record', { 'X-B': '2', a: '1' }],
  ['numbers and other values', { a: 1, b: null, c: undefined, d: true, e: { toString: () => 'text' } }],
  ['a symbol as value', { a: Symbol('x') }],
  ['a symbol as key', { [Symbol('x')]: '1' }],
  ['a record with names that differ in case', { 'X-A': '1', 'x-a': '2' }],
  ['an object without prototype', Object.assign(Object.create(null), { a: '1' })],
  ['inherited members', Object.create({ a: '1' })],
  ['hidden members', Object.defineProperty({ a: '1' }, 'b', { value: '2' })],
  ['a function', Object.assign(() => {}, { a: '1' })],
  [
    'pairs',
    [
      ['B', '2'],
      ['a', '1'],
      ['b', '3'],
    ],
  ],
  [
    'pairs with cookies',
    [
      ['Set-Cookie', 'a=1'],
      ['x', '1'],
      ['set-cookie', 'b=2'],
    ],
  ],
  ['pairs of other iterables', new Set([new Set(['a', '1'])])],
  [
    'a Map',
    new Map([
      ['a', '1'],
      ['b', '2'],
    ]),
  ],
  [
    'an iterable with a generator',
    {
      *[Symbol.iterator]() {
        yield ['a', '1']
      },
    },
  ],
  ['single items', [['a']]],
  ['triples', [['a', '1', '2']]],
  ['strings of two', ['ab']],
  ['null in a list', [null]],
  ['an empty list', []],
  ['an empty pair', [[]]],
  ['names with spaces', { 'a b': '1' }],
  ['an empty name', { '': '1' }],
  ['a name with a colon', { 'a:': '1' }],
  ['a name above Latin-1', { ā: '1' }],
  ['a Latin-1 name', { é: '1' }],
  ['a value above Latin-1', { a: 'ā' }],
  ['a Latin-1 value', { a: 'é\xff' }],
  ['white space around a value', { a: ' \t\r\n x y \n\r\t ' }],
  ['only white space', { a: ' \t ' }],
  ['a vertical tab at the edge', { a: '\vx\v' }],
  ['a line break inside', { a: 'x\r\ny' }],
  ['a bare LF inside', { a: 'x\ny' }],
  ['NUL', { a: 'x\0y' }],
  ['other control characters', { a: 'x\x01\x7fy' }],
  ['all token marks', { "!#$%&'*+-.^_`|~09azAZ": '1' }],
  ['URLSearchParams', new URLSearchParams('a=1&b=2')],
]

const ways: [string, (web: Web, headers: Headers) => unknown][] = [
  ['append joins', (_, h) => last(h.append('A', '2'), h.get('a'))],
  [
    'append to cookie joins with a semicolon',
    (_, h) => last(h.append('Cookie', 'a=1'), h.append('cookie', 'b=2'), h.get('COOKIE')),
  ],
  ['append returns nothing', (_, h) => h.append('x', '1')],
  ['append needs two arguments', (_, h) => h.append.call(h, ...(['x'] as unknown as ['', '']))],
  ['append of undefined', (_, h) => last(h.append('x', undefined as never), h)],
  ['append of a bad name', (_, h) => h.append('a b', '1')],
  ['append of a bad value', (_, h) => h.append('a', '1\n2')],
  ['append of a symbol', (_, h) => h.append('a', Symbol('x') as never)],
  ['delete', (_, h) => last(h.delete('A'), h)],
  ['delete of all with a name', (_, h) => last(h.append('a', '2'), h.delete('a'), h)],
  ['delete of what is not there', (_, h) => last(h.delete('zz'), h)],
  ['delete of a bad name', (_, h) => h.delete('a b')],
  ['delete without a name', (_, h) => h.delete.call(h, ...([] as unknown as ['']))],
  [
    'delete of cookies',
    (_, h) => last(h.append('Set-Cookie', 'x'), h.delete('set-cookie'), [h.getSetCookie(), h]),
  ],
  ['get', (_, h) => [h.get('a'), h.get('A'), h.get('zz')]],
  [
    'get of cookies joins',
    (_, h) => last(h.append('set-cookie', 'x'), h.append('set-cookie', 'y'), h.get('Set-Cookie')),
  ],
  ['get of a bad name', (_, h) => h.get('')],
  ['get of a number', (_, h) => last(h.set('1', 'x'), h.get(1 as never))],
  ['has', (_, h) => [h.has('a'), h.has('A'), h.has('zz')]],
  ['has of a bad name', (_, h) => h.has('é')],
  ['set replaces', (_, h) => last(h.append('a', '2'), h.set('A', '3'), [h, h.get('a')])],
  ['set of something new', (_, h) => last(h.set('New', ' x '), h)],
  [
    'set of cookies',
    (_, h) => last(h.append('set-cookie', 'x'), h.append('set-cookie', 'y'), h.set('Set-Cookie', 'z'), h),
  ],
  ['set of a bad value', (_, h) => h.set('a', '\0')],
  ['set needs two arguments', (_, h) => h.set.call(h, ...(['x'] as unknown as ['', '']))],
  [
    'getSetCookie gives a copy',
    (_, h) => last(h.append('set-cookie', 'x'), h.getSetCookie().push('y'), h.getSetCookie()),
  ],
  ['keys', (_, h) => last(h.append('set-cookie', 'x'), h.append('set-cookie', 'y'), [...h.keys()])],
  ['values', (_, h) => [...h.values()]],
  ['entries', (_, h) => [...h.entries()]],
  [
    'entries is the iterator',
    (web) => web.Headers.prototype.entries === web.Headers.prototype[Symbol.iterator],
  ],
  [
    'entries gives new pairs',
    (_, h) =>
      last(
        [...h].map((pair) => pair.push('x')),
        [...h],
      ),
  ],
  [
    'iterators have a tag',
    (_, h) => [h.keys(), h.values(), h.entries()].map((i) => Object.prototype.toString.call(i)),
  ],
  ['iterators are iterable', (_, h) => ((i) => i[Symbol.iterator]() === i)(h.keys())],
  [
    'iterators have the iterator prototype',
    (_, h) =>
      Object.getPrototypeOf(Object.getPrototypeOf(h.keys())) ===
      Object.getPrototypeOf(Object.getPrototypeOf([].values())),
  ],
  [
    'iterators have no constructor of their own',
    (_, h) => Reflect.ownKeys(Object.getPrototypeOf(h.keys())).map(String),
  ],
  ['an iterator ends for good', (_, h) => ((i) => [...i, i.next(), i.next()])(h.keys())],
  [
    'changes during iteration show',
    (_, h) => {
      const seen: string[] = []
      for (const [name] of h) {
        seen.push(name)
        if (seen.length === 1) h.append('m', '1')
        if (seen.length === 2) h.delete('b')
      }
      return seen
    },
  ],
  [
    'forEach',
    (_, h) => {
      const seen: unknown[] = []
      h.forEach(function (this: unknown, value, name, all) {
        seen.push([value, name, all === h, this])
      }, 'this')
      return seen
    },
  ],
  ['forEach gives nothing', (_, h) => h.forEach(() => {})],
  ['forEach of no function', (_, h) => h.forEach({} as never)],
  ['forEach without arguments', (_, h) => h.forEach.call(h, ...([] as never[] as [never]))],
  [
    'forEach with an error',
    (_, h) =>
      h.forEach(() => {
        throw new RangeError('x')
      }),
  ],
  ['names of members', (web) => Object.getOwnPropertyNames(web.Headers.prototype).sort()],
  ['enumerable members', (web) => Object.keys(web.Headers.prototype).sort()],
  [
    'for in',
    (_, h) => {
      const names = []
      for (const name in h) names.push(name)
      return names.sort()
    },
  ],
  [
    'lengths',
    (web) =>
      ['append', 'delete', 'get', 'has', 'set', 'getSetCookie', 'keys', 'values', 'entries', 'forEach'].map(
        (n) => (web.Headers.prototype as never as Record<string, () => void>)[n]?.length,
      ),
  ],
  [
    'class facts',
    (web) => [
      web.Headers.name,
      web.Headers.length,
      typeof web.Headers,
      Object.prototype.toString.call(web.Headers.prototype),
    ],
  ],
  ['call without new', (web) => (web.Headers as unknown as () => void)()],
  [
    'copy',
    (web, h) => {
      const copy = new web.Headers(h)
      copy.set('a', '9')
      h.set('b', '8')
      return [copy, h]
    },
  ],
  [
    'copy keeps cookies',
    (web, h) => {
      h.append('set-cookie', 'x')
      h.append('set-cookie', 'y')
      return new web.Headers(h)
    },
  ],
  [
    'subclass',
    (web, h) => {
      class Mine extends web.Headers {
        own() {
          return this.get('a')
        }
      }
      const m = new Mine(h)
      return [m.own(), m instanceof Mine, m instanceof web.Headers, h instanceof Mine, new web.Headers(m)]
    },
  ],
  [
    'subclass with its own iterator',
    (web) => {
      const mine = new (class Mine extends web.Headers {})({ a: '1' })
      const other = () => [['z', '1']].values()
      Object.defineProperty(mine, Symbol.iterator, { value: other })
      return [...new web.Headers(mine)]
    },
  ],
  [
    'wrong receivers',
    (web) =>
      ['append', 'get', 'keys', 'entries', 'forEach', 'getSetCookie'].map((n) => {
        try {
          ;(web.Headers.prototype as never as Record<string, (...a: unknown[]) => void>)[n]?.call(
            {},
            'a',
            'b',
          )
          return 'no'
        } catch (e) {
          return (e as Error).name
        }
      }),
  ],
  ['JSON', (_, h) => JSON.stringify(h)],
  ['Object.fromEntries', (_, h) => Object.fromEntries(h)],
  ['String', (_, h) => String(h)],
  ['instance of Object', (_, h) => [h instanceof Object, Object.hasOwn(h, 'a'), 'toString' in h]],
]

const record = { b: 'x', A: '1' }

/** All operations on Headers. */
export const headersCases: Case[] = [
  ...inits.map(([name, init]): Case => [`new Headers of ${name}`, (web) => new web.Headers(init as Init)]),
  ...ways.map(([name, way]): Case => [`Headers: ${name}`, (web) => way(web, new web.Headers(record))]),
]
