/** A simulated tenant cluster behind a real port, and certificates for it. For tests only. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { generateKeyPairSync } from 'node:crypto'
import { issue, selfSign } from '../talos/pki/certificate.ts'
import type { KubeAccess, KubeNode } from './kubernetes.ts'
import { createKubernetesSim, type KubernetesSim, type RegisteredNode, type SimulatedApi, type SimulatedCluster } from './sim/index.ts'

const hour = 3_600_000
const pem = (key: { export(o: { type: 'pkcs8'; format: 'pem' }): string | Buffer }): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const lifetime = () => ({ notBefore: new Date(Date.now() - hour), notAfter: new Date(Date.now() + hour) })

export const newAuthority = (name = 'kubernetes'): { readonly crt: string; readonly key: string } => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { crt: selfSign({ subject: [['O', name]], ...lifetime(), isAuthority: true, usages: ['serverAuth', 'clientAuth'] }, privateKey), key: pem(privateKey) }
}
export const clientOf = (authority: { readonly crt: string; readonly key: string }, user: string, groups: readonly string[]): { readonly clientCert: string; readonly clientKey: string } => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { clientCert: issue(authority, { subject: [...groups.map((g) => ['O', g] as const), ['CN', user]], publicKey, ...lifetime(), keyEncipherment: true, usages: ['clientAuth'] }), clientKey: pem(privateKey) }
}
export const listen = async (server: Server): Promise<string> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

export const serverName = 'api.0123abcd.skerry.internal'
export interface TestCluster {
  /** To its API, of all that came. */
  readonly connections: { open: number; total: number }
  readonly sim: KubernetesSim
  readonly api: SimulatedApi
  readonly cluster: SimulatedCluster
  readonly access: KubeAccess
  accessAs(user: string, groups: readonly string[]): KubeAccess
  /** Breaks all connections and takes no more, until `up`. */
  down(): void
  up(): void
  close(): Promise<void>
}

export const nodeCalled = (name: string, controlPlane = false): RegisteredNode => ({
  name, internalIp: '10.0.0.7', labels: { tier: 'web' }, taints: controlPlane ? [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] : [],
  kubeletVersion: 'v1.36.3', osImage: 'Talos (v1.13.9)', controlPlane, machineId: 'd41d8cd98f00b204e9800998ecf8427e', bootId: 'b00',
})

export const startTestCluster = async (): Promise<TestCluster> => {
  const authority = newAuthority()
  const faults: string[] = []
  const silent = { info() {}, warn() {}, error: (fields: object, message: string) => { faults.push(`${message}: ${JSON.stringify(fields)}`) } }
  const sim = createKubernetesSim({ log: silent, podGraceMs: 0 })
  const api = sim.ensureCluster('c1', { ca: authority, serviceSans: [serverName, '10.0.0.7'], version: 'v1.36.3' })
  let isUp = true
  const connections = { open: 0, total: 0 }
  const server = createServer((socket) => {
    connections.open++
    connections.total++
    socket.on('close', () => { connections.open-- })
    if (isUp) api.accept(socket); else socket.destroy()
  })
  const address = await listen(server)
  const accessAs = (user: string, groups: readonly string[]): KubeAccess => ({ server: `https://${address}`, serverName, ca: authority.crt, ...clientOf(authority, user, groups) })
  return {
    connections, sim, api, cluster: sim.cluster('c1')!, accessAs, access: accessAs('skerry:controllers', ['system:masters']),
    down: () => { isUp = false; api.stop() },
    up: () => { isUp = true },
    close: async () => { await sim.close(); server.close(); await once(server, 'close'); if (faults.length > 0) throw new Error(faults.join('\n')) },
  }
}

/** Calls back with each state of the nodes; `until` resolves with the first that passes. */
export const observe = () => {
  const seen: (readonly KubeNode[])[] = []
  const waiting = new Set<() => void>()
  return {
    seen,
    changed: (nodes: readonly KubeNode[]) => { seen.push(nodes); for (const w of waiting) w() },
    until: (test: (nodes: readonly KubeNode[]) => boolean): Promise<readonly KubeNode[]> => new Promise((resolve) => {
      const look = () => { const found = seen.find(test); if (found !== undefined) { waiting.delete(look); resolve(found) } }
      waiting.add(look)
      look()
    }),
  }
}
