/** Leases and the warehouse for processes of their own, by plain calls over HTTP; the serving side may stop a caller in the middle. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Leases } from '../leases.ts'
import type { Warehouse } from './kinds.ts'

export type Call = { readonly who: string; readonly what: string; readonly args: readonly unknown[] }

export interface Remote {
  readonly url: string
  close(): Promise<void>
}

/** `before` and `after` each call, with who calls; what they do is done before the caller hears. */
export const serveRemote = async (leases: Leases, warehouse: Warehouse, hooks: { before?(c: Call): void; after?(c: Call, answer: unknown): void }): Promise<Remote> => {
  const calls: Readonly<Record<string, (...args: any[]) => Promise<unknown>>> = {
    acquire: leases.acquire, renew: leases.renew, release: leases.release, end: leases.end, list: warehouse.list, create: warehouse.create, remove: warehouse.remove, pass: async () => {},
  }
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const call = JSON.parse(Buffer.concat(chunks).toString()) as Call
      hooks.before?.(call)
      const answer = await calls[call.what]!(...call.args)
      hooks.after?.(call, answer)
      response.end(JSON.stringify({ answer }))
    })()
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(() => { resolve() }) }),
  }
}

export const remoteCalls = (url: string, who: string) => async (what: string, ...args: readonly unknown[]): Promise<any> => {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify({ who, what, args } satisfies Call) })
  return ((await response.json()) as { readonly answer?: unknown }).answer
}
