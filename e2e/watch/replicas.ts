/** The replicas of one run: their processes on ports that stay, and requests to them. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Agent, type Dispatcher } from 'undici'
import type { Connection } from '../../src/store/postgres/connection.ts'

export interface Answer { readonly code: number; readonly body: any }
export interface Client {
  /** To replica `at`; throws when there is no answer. */
  request(at: number, method: Dispatcher.HttpMethod, path: string, body?: object, type?: string): Promise<Answer>
  stream(at: number, path: string, signal: AbortSignal): Promise<Dispatcher.ResponseData>
  close(): Promise<void>
}

export interface Replicas {
  readonly count: number
  /** SIGKILL, and a new process on the same port. Resolves when that serves. */
  kill(at: number): Promise<void>
  newClient(): Client
  /** Watchers that were dropped for not reading. */
  dropped(): number
  /** Replicas that ended without being killed. */
  crashed(): number
  /** Most resident memory that a replica had, in MiB. */
  memory(): number
  close(): Promise<void>
}

const freePort = (): Promise<number> => new Promise((done) => {
  const server = createServer().listen(0, '127.0.0.1', () => { const { port } = server.address() as AddressInfo; server.close(() => done(port)) })
})

interface Told { dropped(): void; crashed(): void }

/** Until it serves: one whose connection is cut while it starts ends, and is started again, as a supervisor does. One that ends later has crashed. */
const start = async (connection: Connection, port: number, told: Told): Promise<ChildProcess> => {
  for (;;) {
    const child = fork(join(import.meta.dirname, 'replica.ts'), [JSON.stringify({ connection, port })], { execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    child.on('message', (message) => { if (message === 'dropped') told.dropped() })
    const serves = await Promise.race([once(child, 'message').then(() => true), once(child, 'exit').then(() => false)])
    if (!serves) continue
    child.on('exit', (_, signal) => { if (signal !== 'SIGKILL') told.crashed() })
    return child
  }
}

export const startReplicas = async (connection: Connection, count: number): Promise<Replicas> => {
  const ports = await Promise.all(Array.from({ length: count }, freePort))
  let dropped = 0
  let highest = 0
  let crashed = 0
  const told: Told = { dropped: () => { dropped++ }, crashed: () => { crashed++ } }
  const children = await Promise.all(ports.map((port) => start(connection, port, told)))
  const measure = (): void => {
    for (const { pid } of children) try { highest = Math.max(highest, Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024) } catch { /* it was just killed, or there is no /proc */ }
  }
  const timer = setInterval(measure, 500)
  const end = async (child: ChildProcess): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  return {
    count,
    async kill(at) {
      await end(children[at]!)
      children[at] = await start(connection, ports[at]!, told)
    },
    newClient() {
      const agent = new Agent({ allowH2: false, connections: 4, headersTimeout: 20_000, bodyTimeout: 0 })
      const headers = (type?: string) => ({ authorization: 'Bearer story', accept: 'application/json', ...(type !== undefined && { 'content-type': type }) })
      return {
        async request(at, method, path, body, type = 'application/json') {
          const { statusCode, body: answer } = await agent.request({ origin: `http://127.0.0.1:${ports[at]}`, path, method, headers: headers(body === undefined ? undefined : type), ...(body !== undefined && { body: JSON.stringify(body) }) })
          return { code: statusCode, body: JSON.parse(await answer.text()) }
        },
        stream: (at, path, signal) => agent.request({ origin: `http://127.0.0.1:${ports[at]}`, path, method: 'GET', headers: headers(), signal }),
        close: () => agent.destroy(),
      }
    },
    dropped: () => dropped,
    crashed: () => crashed,
    memory: () => highest,
    async close() {
      clearInterval(timer)
      await Promise.all(children.map(end))
    },
  }
}
