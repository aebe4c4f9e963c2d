/**
 * Which repairs of the translator are in force. repair-table.ts says what each one is for; what is switched
 * off holds for the whole process.
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

/** Repairs without which a request leads past access rules, or a client sets what it must not. */
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

/** Null while all are in force, which is nearly always. */
let off: ReadonlySet<RepairName> | null = null

/** Whether a repair is in force. */
export const isRepairOn = (name: OptionalRepair): boolean => off === null || !off.has(name)

/** Switches these repairs off, and all others on. */
export function switchOffRepairs(names: readonly OptionalRepair[]): void {
  off = names.length === 0 ? null : new Set(names)
}

/** What `work` gives with one more repair off; it must not wait for anything. */
export function withoutRepair<Result>(name: OptionalRepair, work: () => Result): Result {
  const before = off
  off = new Set([...(off ?? []), name])
  try {
    return work()
  } finally {
    off = before
  }
}
