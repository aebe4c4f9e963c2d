/** Whether an app looks at what costs something to make. */

/** `request => …`, `(request) => …`, `() => …`: an arrow function has no `arguments`. */
const ARROW = /^(?:async\b\s*)?(?:\(\s*[\w$]*\s*\)|[\w$]+)\s*=>/
/** `fetch(request) {…}`, `function (request) {…}`. */
const PLAIN = /^(?:async\s+)?(?:function\b\s*)?[\w$]*\s*\(\s*[\w$]*\s*\)\s*\{/
/** Other ways to the arguments; bound functions and proxies pass all of them on. */
const OTHER_WAYS = /\barguments\b|\beval\b|\[native code\]/

/** False when a function cannot see its second argument, whatever it is called with. */
export const seesSecondArgument = (fn: (...args: never[]) => unknown): boolean => {
  if (fn.length > 1) return true
  const source = Function.prototype.toString.call(fn)
  return !ARROW.test(source) && (!PLAIN.test(source) || OTHER_WAYS.test(source))
}
