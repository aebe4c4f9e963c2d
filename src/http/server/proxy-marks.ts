/**
 * The marks that proxies leave on a request. A development server that finds one does not sit in front of
 * the person who wrote the app, and nobody else may see its development pages.
 */

/** Fields that proxies, load balancers and tunnels add; a trailing `*` stands for any ending. */
export const proxyFields: readonly string[] = [
  'forwarded', // RFC 7239
  'via', // RFC 9110 7.6.3
  'x-forwarded*', // Apache, Caddy, Traefik, Envoy, AWS, ngrok
  'x-real-ip', // nginx, by everybody's recipe
  'x-original-*', // nginx ingress, IIS
  'x-client-ip',
  'x-client-cert*',
  'x-cluster-client-ip',
  'client-ip',
  'x-remote-*',
  'x-originating-ip',
  // Of recipes for nginx and HAProxy, and of load balancers: where TLS ended, what was asked for
  'x-host',
  'x-scheme',
  'x-url-scheme',
  'x-ssl*',
  'ssl-client-*',
  'front-end-https',
  'x-request-start',
  'proxy-client-ip', // WebLogic
  'wl-proxy-*',
  'x-azure-*',
  'x-vercel-*',
  'x-nf-*', // Netlify
  'akamai-*',
  'x-akamai-*',
  'do-connecting-ip', // DigitalOcean
  'x-proxy*',
  'x-envoy-*',
  'x-varnish',
  'x-arr-*', // IIS
  'x-amzn-trace-id', // AWS load balancers
  'x-appengine-*',
  'x-cloud-trace-context', // Google load balancers
  'true-client-ip',
  'cf-*', // Cloudflare, its tunnel too
  'cdn-loop', // RFC 8586
  'fastly-*',
  'fly-*',
  'tailscale-*',
  'surrogate-capability', // Varnish, Squid
  'max-forwards', // RFC 9110 7.6.2
]

const whole = new Set(proxyFields.filter((name) => !name.endsWith('*')))
const prefixes = proxyFields.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1))
/** What marked names begin with: it alone clears most fields of a browser. */
const initials = new Set(proxyFields.map((name) => name.charCodeAt(0)))

/**
 * The first sign that a proxy sent this request, in words for a log line: `HTTP/1.0`, or a field's name.
 * Undefined where there is none. Costs a look at the first letter of each field's name.
 *
 * @param httpVersion `1.1`, as Node's `req.httpVersion`
 * @param rawHeaders `name, value, …` as they were received: in the environment of the request two fields
 *   that differ in `-` and `_` alone are gone, and a stranger could make a mark vanish
 */
export function proxyMark(httpVersion: string, rawHeaders: readonly string[]): string | undefined {
  // nginx' proxy_pass before 1.29.7, with "Host: localhost" and no field that tells.
  if (httpVersion === '1.0' || httpVersion === '0.9') return `HTTP/${httpVersion}`
  let allSmall = rawHeaders.length > 0
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    // Letters differ from their small ones in this bit.
    if (initials.has(name.charCodeAt(0) | 0x20) && isMarked(name)) return name
    if (allSmall && (name === 'connection' || /[A-Z]/.test(name))) allSmall = false
  }
  // HAProxy adds nothing, but writes all names small and removes Connection, which other clients that write
  // them small (fetch of Node) always send.
  return allSmall ? 'lower-case names, as HAProxy sends them' : undefined
}

function isMarked(field: string): boolean {
  const name = field.toLowerCase().replaceAll('_', '-')
  return whole.has(name) || prefixes.some((prefix) => name.startsWith(prefix))
}
