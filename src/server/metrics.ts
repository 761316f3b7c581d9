/** The metrics of a process that serves no API, for a scraper on the same machine: loopback only, no secrets, no changes. */
import { createServer, type Server } from 'node:http'
import type { Registry } from 'prom-client'

/** `port` 0: any. Answers when it listens. */
export const serveMetrics = async (registry: Registry, port: number): Promise<{ readonly port: number; close(): Promise<void> }> => {
  const server: Server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    const end = (code: number, type: string, text: string): void => { response.writeHead(code, { 'content-type': type }).end(text) }
    if (request.method !== 'GET' || request.url !== '/metrics') { end(404, 'text/plain', 'only GET /metrics\n'); return }
    registry.metrics().then((text) => { end(200, registry.contentType, text) }, () => { end(500, 'text/plain', 'the metrics cannot be read\n') })
  })
  await new Promise<void>((listening, failed) => { server.once('error', failed).listen(port, '127.0.0.1', listening) })
  return {
    port: (server.address() as { port: number }).port,
    close: () => new Promise((closed) => { server.close(() => { closed() }); server.closeAllConnections() }),
  }
}
