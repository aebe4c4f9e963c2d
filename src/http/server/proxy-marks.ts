/**
 * The marks that proxies leave on a request. A development server behind a proxy serves people other than its
 * developer, and they must not see its development pages.
 */

/** Fields that proxies, load balancers and tunnels add; a trailing `*` matches any ending. */
export const proxyFields: readonly string[] = [
  'forwarded', // RFC 7239
  'via', // RFC 9110 7.6.3
  'x-forwarded*', // Apache, Caddy, Traefik, Envoy, AWS, ngrok
  'x-real-ip', // nginx, in most example configurations
  'x-original-*', // nginx ingress, IIS
  'x-client-ip',
  'x-client-cert*',
  'x-cluster-client-ip',
  'client-ip',
  'x-remote-*',
  'x-originating-ip',
  // Example configurations for nginx and HAProxy, and load balancers: where TLS ended, what was requested
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
/** First letters of the marked names: most fields of a browser have none of these. */
const initials = new Set(proxyFields.map((name) => name.charCodeAt(0)))

/**
 * The first sign that a proxy sent this request, in words for a log line: `HTTP/1.0`, or a field's name.
 * Undefined when there is none. Cheap: most names are ruled out by their first letter.
 *
 * @param httpVersion `1.1`, as Node's `req.httpVersion`
 * @param rawHeaders `name, value, …` as received: the environment drops one of two fields that differ only in
 *   `-` and `_`, so a client could hide a mark there
 */
export function proxyMark(httpVersion: string, rawHeaders: readonly string[]): string | undefined {
  // nginx's proxy_pass before 1.29.7: "Host: localhost" and no field that shows the proxy.
  if (httpVersion === '1.0' || httpVersion === '0.9') return `HTTP/${httpVersion}`
  let allSmall = rawHeaders.length > 0
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    // Sets the bit that makes a letter lower case.
    if (initials.has(name.charCodeAt(0) | 0x20) && isMarked(name)) return name
    if (allSmall && (name === 'connection' || /[A-Z]/.test(name))) allSmall = false
  }
  // HAProxy adds no field, but writes all names in lower case and removes Connection; other clients with
  // lower-case names (Node's fetch) always send it.
  return allSmall ? 'lower-case names, as HAProxy sends them' : undefined
}

function isMarked(field: string): boolean {
  const name = field.toLowerCase().replaceAll('_', '-')
  return whole.has(name) || prefixes.some((prefix) => name.startsWith(prefix))
}
