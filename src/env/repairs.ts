/**
 * Which repairs of the translator are active. repair-table.ts describes each one. Switching one off affects
 * the whole process.
 */

/** Repairs that a user may switch off. */
export type OptionalRepair =
  | 'lighttpd-query-rewritten'
  | 'fragment-in-target'
  | 'rewritten-script-name'
  | 'nginx-whole-path'
  | 'haproxy-whole-path'
  | 'haproxy-request-uri'
  | 'h2o-whole-path'
  | 'h2o-absolute-path-info'
  | 'caddy-stripped-path'
  | 'apache-proxy-script-filename'
  | 'https-spellings'
  | 'nginx-host-port'
  | 'h2o-default-host'
  | 'go-server-name-port'
  | 'lighttpd-bracketed-address'
  | 'nginx-empty-protocol'
  | 'h2o-protocol'
  | 'empty-content-variables'
  | 'invented-zero'
  | 'length-unknown'
  | 'caddy-minus-one'
  | 'go-unknown-length'
  | 'error-document-body'
  | 'caddy-invented-type'
  | 'h2o-cookie-crumbs'
  | 'caddy-empty-user-agent'
  | 'trailing-blanks'
  | 'redirect-authorization'

/** Repairs without which a request could bypass access rules, or a client could set protected values. */
export type SecurityRepair =
  | 'go-root-slash'
  | 'nginx-document-uri'
  | 'merged-slashes'
  | 'authorizer-path'
  | 'unchecked-user'
  | 'content-doubles'
  | 'decoded-transfer-encoding'
  | 'httpoxy'
  | 'repeated-variables'

export type RepairName = OptionalRepair | SecurityRepair

/** The repairs that are off; null while all are on, which is nearly always. */
let off: ReadonlySet<RepairName> | null = null

/** Whether a repair is active. */
export const isRepairOn = (name: OptionalRepair): boolean => off === null || !off.has(name)

/** Switches these repairs off, and all others on. */
export function switchOffRepairs(names: readonly OptionalRepair[]): void {
  off = names.length === 0 ? null : new Set(names)
}

/** The result of `work` with one more repair off; `work` must be synchronous. */
export function withoutRepair<Result>(name: OptionalRepair, work: () => Result): Result {
  const before = off
  off = new Set([...(off ?? []), name])
  try {
    return work()
  } finally {
    off = before
  }
}
