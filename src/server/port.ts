/** Waits until the API's port is free: its processes share it, and so would not notice another program of ours that has it. */
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a killed program left behind ends within this time. */
const patienceMs = 20_000

const listenOnce = (host: string, port: number): Promise<void> => new Promise((done, failed) => {
  const server = createServer()
  server.once('error', failed)
  server.listen({ port, host }, () => server.close(() => done()))
})

export const demandPort = async (host: string, port: number): Promise<void> => {
  for (const until = performance.now() + patienceMs; ; await sleep(200)) {
    try {
      return await listenOnce(host, port)
    } catch (cause) {
      if (performance.now() > until) throw new Error(`port ${port} of ${host} is not free`, { cause })
    }
  }
}
