/** Reply heads that web servers refuse, for the log: they answer with their own 500 or 502. */

/** nginx: fastcgi_buffer_size and scgi_buffer_size, one page. */
const NGINX_HEAD = 4096
/** Apache: one line of a head. */
const APACHE_LINE = 8190

/** Null for a head that all take, else a sentence. */
export const bigHeadWarning = (head: string): string | null => {
  if (head.length <= NGINX_HEAD) return null
  const long = head.split('\r\n').find((line) => line.length > APACHE_LINE)
  const line =
    long === undefined
      ? ''
      : ` Apache refuses lines of more than ${APACHE_LINE}; ${long.slice(0, long.indexOf(':'))} has ${long.length}.`
  return (
    `The head of the reply has ${head.length} bytes; nginx refuses more than ${NGINX_HEAD} unless ` +
    `fastcgi_buffer_size (scgi_buffer_size) is raised.${line}`
  )
}
