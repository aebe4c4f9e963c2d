/** A client certificate from the SSL_CLIENT_* variables of mod_ssl, nginx and lighttpd. */
import type { DetailedPeerCertificate } from 'node:tls'
import type { Env } from '../../core/exchange.js'

/**
 * The result of `tls.TLSSocket.getPeerCertificate()`: everything when the server passes the certificate on
 * (Apache: `SSLOptions +ExportCertData`), else names, serial number and dates; `{}` without a certificate.
 */
export function peerCertificate(env: Env): DetailedPeerCertificate | Record<string, never> {
  const whole = parsed(env.get('SSL_CLIENT_CERT'))
  if (whole !== null) return whole
  if (!env.get('SSL_CLIENT_S_DN') && !env.get('SSL_CLIENT_S_DN_CN')) return {}
  const certificate = {
    subject: nameParts(env, 'SSL_CLIENT_S_DN'),
    issuer: nameParts(env, 'SSL_CLIENT_I_DN'),
    serialNumber: env.get('SSL_CLIENT_M_SERIAL'),
    valid_from: env.get('SSL_CLIENT_V_START'),
    valid_to: env.get('SSL_CLIENT_V_END'),
  }
  return certificate as unknown as DetailedPeerCertificate
}

/** mod_ssl and lighttpd send PEM; nginx ($ssl_client_cert) puts a tab before each line but the first. */
function parsed(pem: string | undefined): DetailedPeerCertificate | null {
  if (!pem?.startsWith('-----BEGIN')) return null
  const { X509Certificate } = process.getBuiltinModule('node:crypto')
  try {
    return new X509Certificate(pem.replaceAll('\t', '')).toLegacyObject() as DetailedPeerCertificate
  } catch {
    return null
  }
}

/** `<name>_CN`, `<name>_O` and so on (mod_ssl), else the parts of `CN=…,O=…`. */
function nameParts(env: Env, name: string): Record<string, string> {
  const parts: Record<string, string> = Object.create(null)
  for (const part of (env.get(name) ?? '').split(/(?<!\\),\s*/)) {
    const equals = part.indexOf('=')
    if (equals > 0) parts[part.slice(0, equals).trim()] = part.slice(equals + 1)
  }
  for (const key of ['C', 'ST', 'L', 'O', 'OU', 'CN']) {
    const value = env.get(`${name}_${key}`)
    if (value !== undefined) parts[key] = value
  }
  return parts
}
