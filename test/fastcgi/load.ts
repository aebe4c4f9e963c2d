/** Sends many requests to a FastCGI socket, as web servers do; none may be lost. */
import { get, Peer, post } from './peer.js'

/** An app that names the request it answers; `run` comes before it. */
export const loadApp = `await run({
  async fetch(request) {
    const text = request.method + new URL(request.url).search + ' ' + (await request.text())
    return new Response(text, { headers: { 'X-Pid': String(process.pid) } })
  },
})
`

export interface Load {
  /** Path of a Unix socket, or a TCP port on 127.0.0.1. */
  readonly place: string | number
  readonly method?: 'GET' | 'POST'
  /** How many requests; by default 2000, or as many as fit in until `until` is settled. */
  readonly requests?: number
  readonly until?: Promise<unknown>
  /** How many concurrent requests, each on a separate connection; 16 by default. */
  readonly concurrency?: number
  /** Connections serve one request after the other (FCGI_KEEP_CONN). Default true. */
  readonly kept?: boolean
  /**
   * Send a GET again on a new connection, as nginx and HAProxy do, if a used connection is closed without a
   * byte of the reply: the server cannot announce the close. Default false.
   */
  readonly again?: boolean
}

export interface LoadReport {
  sent: number
  /** How many had no reply or a wrong one. */
  lost: number
  /** The first ten of them. */
  readonly differences: string[]
  connections: number
  /** How many were sent again. */
  again: number
  /** How many each process has answered. */
  readonly pids: Map<number, number>
}

const lengths = [0, 1, 100, 8192, 20_000, 65_535, 70_000]

/** Sends them and compares each reply with its request. A lost one is not sent again. */
export async function load(options: Load): Promise<LoadReport> {
  const { until, requests = until ? Number.POSITIVE_INFINITY : 2000, concurrency = 16 } = options
  const report: LoadReport = { sent: 0, lost: 0, differences: [], connections: 0, again: 0, pids: new Map() }
  let over = false
  const end = () => {
    over = true
  }
  until?.then(end, end)
  const client = async () => {
    let peer: Peer | undefined
    while (report.sent < requests && !over) {
      // A server notices that a connection was closed with the last reply, and uses another one.
      await new Promise((resolve) => setImmediate(resolve))
      if (peer === undefined || peer.closed) {
        peer = new Peer(options.place)
        report.connections++
      }
      if (!(await ask(peer, report, options))) peer = undefined
    }
    peer?.socket.destroy()
  }
  await Promise.all(Array.from({ length: concurrency }, client))
  return report
}

/** One request; true if the connection can be reused. */
async function ask(peer: Peer, report: LoadReport, options: Load, number = report.sent++): Promise<boolean> {
  const { method = 'GET', kept = true } = options
  const before = peer.bytes
  const uri = ['REQUEST_URI', `/?${number}`]
  const body = method === 'GET' ? '' : 'x'.repeat(lengths[number % lengths.length] as number)
  peer.answers.clear()
  let fault: string | undefined
  try {
    peer.send(method === 'GET' ? get(1, uri, kept) : post(1, body, uri, kept))
    const answer = await peer.ended(1)
    if (answer.status !== '200' || answer.appStatus !== 0) fault = answer.stdout.slice(0, 200)
    else if (answer.body !== `${method}?${number} ${body}`)
      fault = `another reply: ${answer.body.slice(0, 100)}`
    const pid = Number(/^x-pid: (\d+)/im.exec(answer.stdout)?.[1])
    report.pids.set(pid, (report.pids.get(pid) ?? 0) + 1)
  } catch (error) {
    fault = (error as Error).message
  }
  if (fault !== undefined && options.again && method === 'GET' && before > 0 && peer.bytes === before) {
    report.again++
    const fresh = new Peer(options.place)
    await ask(fresh, report, options, number)
    fresh.socket.destroy()
    return false
  }
  if (fault !== undefined) {
    report.lost++
    if (report.differences.length < 10) report.differences.push(`${method} ${number}: ${fault}`)
  }
  if (kept && fault === undefined) {
    // A server checks whether the connection was closed after the reply before it sends more there.
    await turn()
    await turn()
    return !peer.socket.readableEnded
  }
  peer.socket.destroy()
  return false
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
