/** `/skerry-sim/…`: faults, inventory, guests, statistics and images for tests in other processes. Not part of OpenStack, no token asked. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { OpenStackSim } from './simulator.ts'

const body = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString())
}

export const admin = (sim: () => OpenStackSim) => (method: string, path: string, request: IncomingMessage, response: ServerResponse): boolean => {
  if (!path.startsWith('/skerry-sim')) return false
  const answer = (status: number, value?: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(value === undefined ? '' : JSON.stringify(value))
  }
  const run = async (): Promise<void> => {
    const s = sim()
    const [, , what, id] = path.split('/')
    const url = new URL(request.url ?? '/', 'http://sim')
    if (what === 'inventory' && method === 'GET') return answer(200, s.inventory(url.searchParams.get('project') ?? undefined))
    if (what === 'guests' && method === 'GET') return answer(200, s.guestFacts() ?? {})
    if (what === 'stats' && method === 'GET') return answer(200, { total: s.stats.total, byRoute: Object.fromEntries(s.stats.byRoute), byMethod: Object.fromEntries(s.stats.byMethod), byStatus: Object.fromEntries(s.stats.byStatus) })
    if (what === 'stats' && method === 'DELETE') {
      s.stats.reset()
      return answer(204)
    }
    if (what === 'faults' && method === 'GET') return answer(200, s.faults.list())
    if (what === 'faults' && method === 'POST') {
      const handle = s.faults.add((await body(request)) as never)
      return answer(201, { id: handle.id })
    }
    if (what === 'faults' && method === 'DELETE') {
      if (id === undefined) s.faults.clear()
      else if (!s.faults.remove(id)) return answer(404, { message: `no fault ${id}` })
      return answer(204)
    }
    if (what === 'quotas' && method === 'PUT' && id !== undefined) {
      s.setQuota(id, (await body(request)) as never)
      return answer(204)
    }
    if (what === 'images' && method === 'POST') return answer(201, s.seedImage((await body(request)) as never))
    if (what === 'tokens' && method === 'DELETE') {
      s.revokeTokens()
      return answer(204)
    }
    return answer(404, { message: 'GET inventory[?project=NAME], GET guests, GET|DELETE stats, GET|POST faults, DELETE faults[/ID], PUT quotas/PROJECT, POST images, DELETE tokens' })
  }
  run().catch((cause: unknown) => { answer(400, { message: String(cause) }) })
  return true
}
