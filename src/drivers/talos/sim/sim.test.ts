import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { openTalos } from '../client.ts'
import { reference } from '../config/reference.ts'
import { renderMachineConfig } from '../config/render.ts'
import { packUserData } from '../config/user-data.ts'
import { isAlreadyExists, isCertificate, isNotFound, isPermission, isPrecondition, isUnavailable } from '../errors.ts'
import { newSecretsBundle } from '../pki/bundle.ts'
import { newRequest } from '../pki/certificate.ts'
import { signTalosClient, talosconfigText } from '../pki/clients.ts'
import type { SecretsBundle, Talos, TalosNode } from '../talos.ts'
import { talosctl } from '../testing.ts'
import { plainFabric, plainKubernetes, plainServer, type PlainFabric, type PlainKubernetes } from './bench.ts'
import { createTalosGuests, type TalosGuests } from './index.ts'

let secrets: SecretsBundle
let other: SecretsBundle
beforeAll(async () => { [secrets, other] = await Promise.all([newSecretsBundle({ now: new Date(), serviceAccountKey: 'ecdsa' }), newSecretsBundle({ now: new Date(), serviceAccountKey: 'ecdsa' })]) })

const systemClock = { now: () => new Date(), after: (ms: number, call: () => void) => { const t = setTimeout(call, ms); return () => { clearTimeout(t) } } }
let fabric: PlainFabric
let kubernetes: PlainKubernetes
let guests: TalosGuests
let talos: Talos
const exposed: { close(): Promise<void> }[] = []
beforeEach(() => {
  fabric = plainFabric()
  kubernetes = plainKubernetes()
  guests = createTalosGuests({ kubernetes, clock: systemClock })
  talos = openTalos({ now: () => new Date() })
})
afterEach(async () => {
  await talos.close()
  guests.close()
  await Promise.all(exposed.splice(0).map((e) => e.close()))
})

const vip = '10.6.0.5'
const userData = (role: 'controlplane' | 'worker', hostname: string, of = secrets): Buffer => {
  const input = reference(of)[role]!
  const config = renderMachineConfig({ ...input, cluster: { ...input.cluster, endpointAddresses: [vip], certSANs: [...input.cluster.certSANs, '127.0.0.1'] }, machine: { hostname, labels: { pool: 'a' }, taints: role === 'worker' ? [{ key: 'dedicated', value: 'batch', effect: 'NoSchedule' }] : [] } })
  return Buffer.from(packUserData(config).base64, 'base64')
}
const server = (n: number, role: 'controlplane' | 'worker' = 'controlplane', more: { readonly hangs?: boolean; readonly disk?: Map<string, unknown>; readonly hostname?: string; readonly of?: SecretsBundle } = {}) =>
  plainServer(guests, { serverId: `server-${n}`, name: `nova-${n}`, address: `10.6.0.${10 + n}`, userData: userData(role, more.hostname ?? `${role === 'worker' ? 'w' : 'cp'}-${n}`, more.of), fabric, ...more })
const reach = async (n: number): Promise<string> => {
  const e = await fabric.expose('net', `10.6.0.${10 + n}`, 50_000)
  exposed.push(e)
  return e.endpoint
}
const node = (endpoint: string, role: 'os:admin' | 'os:operator' | 'os:reader' = 'os:admin', to?: number, of = secrets): TalosNode =>
  talos.node({ endpoint, cluster: 'shop', secrets: of, role, ...(to !== undefined && { node: `10.6.0.${10 + to}` }) })
const until = (what: () => Promise<unknown> | unknown) => expect.poll(async () => { try { return await what() } catch { return undefined } }, { timeout: 10_000, interval: 10 })
const failure = async (call: () => Promise<unknown>): Promise<unknown> => { try { await call() } catch (e) { return e } throw new Error('it did not fail') }
const nodesOf = () => [...[...kubernetes.clusters.values()][0]?.values() ?? []]

/** A running control plane of n members, each reached at its own endpoint. */
const controlPlane = async (n: number) => {
  const servers = Array.from({ length: n }, (_, i) => server(i + 1))
  fabric.aliases.set(vip, '10.6.0.11')
  const endpoints = await Promise.all(servers.map((_, i) => reach(i + 1)))
  await until(() => node(endpoints[0]!).etcdDataExists()).toBe(false)
  await node(endpoints[0]!).bootstrap()
  await until(async () => (await node(endpoints[0]!).etcdMembers()).filter((m) => !m.isLearner).length).toBe(n)
  return { servers, endpoints }
}

test('a node says its version, name, server id and services; its log can be read', async () => {
  server(1)
  const endpoint = await reach(1)
  await until(() => talos.handshake(endpoint, secrets)).toBe(true)
  const n = node(endpoint, 'os:reader')
  expect([await n.version(), await n.hostname(), await n.instanceId()]).toEqual([{ tag: 'v1.13.9', platform: 'openstack' }, 'cp-1', 'server-1'])
  expect((await n.services()).find((s) => s.id === 'etcd')).toEqual({ id: 'etcd', state: 'Preparing', healthy: undefined })
  expect((await n.dmesg(2)).split('\n')).toEqual([expect.stringContaining('machine is running with hostname cp-1'), expect.stringContaining('talosctl bootstrap')])
})

test('T1 bootstrap happens once on a node with data; on a second node it makes a second etcd, which is seen', async () => {
  const { endpoints } = await controlPlane(1)
  const first = node(endpoints[0]!)
  expect(await first.etcdDataExists()).toBe(true)
  expect(isAlreadyExists(await failure(() => first.bootstrap()))).toBe(true)
  expect(guests.etcdClusterIds(secrets.clusterId)).toEqual([(await first.etcdStatus()).clusterId])
  // A second server that cannot reach the endpoint, and so has not joined.
  fabric.aliases.set(vip, undefined)
  server(2)
  const second = node(await reach(2))
  await until(() => second.etcdDataExists()).toBe(false)
  await second.bootstrap()
  await until(async () => (await second.etcdStatus()).clusterId).toBeDefined()
  const ids = [(await first.etcdStatus()).clusterId, (await second.etcdStatus()).clusterId]
  expect(new Set(ids).size).toBe(2)
  expect(guests.etcdClusterIds(secrets.clusterId).toSorted()).toEqual(ids.toSorted())
})

test('a cluster is forgotten with its last disk, not before; the ids of its etcds stay', async () => {
  const { servers: [first, second] } = await controlPlane(2)
  const ids = guests.etcdClusterIds(secrets.clusterId)
  const standing = () => [...kubernetes.clusters.keys()]
  first!.remove()
  second!.stop()
  expect(standing()).toEqual(ids)
  second!.reboot()
  await until(async () => guests.nodes().length).toBe(1)
  expect(standing()).toEqual(ids)
  second!.remove()
  expect(standing()).toEqual([])
  expect(guests.etcdClusterIds(secrets.clusterId)).toEqual(ids)
})

test('T1 whether there is etcd data is an answer or an error, never a guess', async () => {
  const one = server(1)
  const endpoint = await reach(1)
  await until(() => node(endpoint).etcdDataExists()).toBe(false)
  expect(isPermission(await failure(() => node(endpoint, 'os:reader').bootstrap()))).toBe(true)
  expect(isCertificate(await failure(() => node(endpoint, 'os:reader', undefined, other).etcdDataExists()))).toBe(true)
  expect(isUnavailable(await failure(() => node(endpoint, 'os:admin', 9).etcdDataExists()))).toBe(true)
  one.stop()
  expect(isUnavailable(await failure(() => node(endpoint).etcdDataExists()))).toBe(true)
})

test('T1 as on a real node: apid answers before the disk is mounted, and nothing is concluded from a path that is missing then', async () => {
  guests.close()
  guests = createTalosGuests({ kubernetes, clock: systemClock, latencies: { mount: 400 } })
  const disk = new Map<string, unknown>()
  const one = server(1, 'controlplane', { disk })
  const endpoint = await reach(1)
  await until(() => talos.handshake(endpoint, secrets)).toBe(true)
  expect(isPrecondition(await failure(() => node(endpoint).etcdDataExists()))).toBe(true)
  expect(isPrecondition(await failure(() => node(endpoint).bootstrap()))).toBe(true)
  await until(() => node(endpoint).etcdDataExists()).toBe(false)
  await node(endpoint).bootstrap()
  await until(() => node(endpoint).etcdDataExists()).toBe(true)
  one.reboot()
  await until(() => talos.handshake(endpoint, secrets)).toBe(true)
  expect(isPrecondition(await failure(() => node(endpoint).etcdDataExists()))).toBe(true)
  await until(() => node(endpoint).etcdDataExists()).toBe(true)
})

test('T1 as on a real node: a second request before etcd runs is taken, and makes no second etcd', async () => {
  guests.close()
  guests = createTalosGuests({ kubernetes, clock: systemClock, latencies: { etcdStart: 300 } })
  server(1)
  const endpoint = await reach(1)
  await until(() => node(endpoint).etcdDataExists()).toBe(false)
  await node(endpoint).bootstrap()
  await node(endpoint).bootstrap()
  await until(() => node(endpoint).etcdDataExists()).toBe(true)
  expect(guests.etcdClusterIds(secrets.clusterId)).toHaveLength(1)
})

test('T1 before the machine is far enough, bootstrap is refused as a precondition, and on a worker for good', async () => {
  const { endpoints } = await controlPlane(1)
  server(5, 'worker')
  await until(() => node(endpoints[0]!, 'os:admin', 5).version()).toBeDefined()
  const refused = await failure(() => node(endpoints[0]!, 'os:admin', 5).bootstrap())
  expect([isPrecondition(refused), isAlreadyExists(refused)]).toEqual([false, false])
})

test('T2 three members: learners one at a time, then voters that agree on one leader and one cluster id', async () => {
  const { endpoints } = await controlPlane(3)
  const members = await node(endpoints[1]!).etcdMembers()
  expect(members.map((m) => [m.hostname, m.isLearner, m.peerUrls]).toSorted()).toEqual([1, 2, 3].map((i) => [`cp-${i}`, false, [`https://10.6.0.${10 + i}:2380`]]))
  const statuses = await Promise.all(endpoints.map((e) => node(e).etcdStatus()))
  expect(new Set(statuses.map((s) => s.clusterId)).size).toBe(1)
  expect(new Set(statuses.map((s) => s.leader)).size).toBe(1)
  expect(new Set(statuses.map((s) => s.memberId))).toEqual(new Set(members.map((m) => m.id)))
  expect(statuses.flatMap((s) => s.errors)).toEqual([])
})

test('T2 a server that takes the name of a member evicts it, as in life', async () => {
  const { endpoints } = await controlPlane(3)
  server(4, 'controlplane', { hostname: 'cp-2' })
  await until(async () => (await node(endpoints[0]!).etcdMembers()).map((m) => m.peerUrls[0]).toSorted().join()).toBe(['10.6.0.11', '10.6.0.13', '10.6.0.14'].map((a) => `https://${a}:2380`).join())
  expect(isUnavailable(await failure(() => node(endpoints[1]!).etcdStatus()))).toBe(true)
})

test('leadership moves, a member leaves, another is removed; what is not there is not found', async () => {
  const { endpoints } = await controlPlane(3)
  const all = await Promise.all(endpoints.map((e) => node(e).etcdStatus()))
  const leader = all.findIndex((s) => s.memberId === s.leader)
  await node(endpoints[leader]!).etcdForfeitLeadership()
  expect((await node(endpoints[leader]!).etcdStatus()).leader).not.toBe(all[leader]!.memberId)
  await node(endpoints[2]!).etcdLeave()
  await until(async () => (await node(endpoints[0]!).etcdMembers()).length).toBe(2)
  expect(await node(endpoints[2]!).etcdDataExists()).toBe(false)
  expect(isNotFound(await failure(() => node(endpoints[0]!).etcdRemoveMember(all[2]!.memberId)))).toBe(true)
  await node(endpoints[0]!).etcdRemoveMember(all[1]!.memberId)
  expect((await node(endpoints[0]!).etcdMembers()).map((m) => m.hostname)).toEqual(['cp-1'])
})

test('without a quorum there is no leader, and the list of members is not available', async () => {
  const { servers, endpoints } = await controlPlane(3)
  servers[1]!.stop()
  servers[2]!.stop()
  const s = await node(endpoints[0]!).etcdStatus()
  expect([s.leader, s.errors]).toEqual(['0000000000000000', ['etcdserver: no leader']])
  expect(isUnavailable(await failure(() => node(endpoints[0]!).etcdMembers()))).toBe(true)
  servers[1]!.reboot()
  await until(async () => (await node(endpoints[0]!).etcdMembers()).length).toBe(3)
})

test('a reboot keeps the disk: the member comes back with its data and its cluster', async () => {
  const { endpoints } = await controlPlane(1)
  const before = await node(endpoints[0]!).etcdStatus()
  const [boot] = guests.nodes().map((n) => n.bootId)
  await node(endpoints[0]!, 'os:operator').reboot()
  await until(() => guests.nodes()[0]!.bootId !== boot && guests.nodes()[0]!.isReady).toBe(true)
  expect(await node(endpoints[0]!).etcdStatus()).toMatchObject({ memberId: before.memberId, clusterId: before.clusterId })
})

test('a reset takes the node out of etcd and wipes it; it configures itself again and joins as another member', async () => {
  const { endpoints } = await controlPlane(3)
  const before = await node(endpoints[2]!).etcdStatus()
  await node(endpoints[2]!).reset({ graceful: true, reboot: true })
  await until(async () => (await node(endpoints[0]!).etcdMembers()).some((m) => m.hostname === 'cp-3' && !m.isLearner && m.id !== before.memberId)).toBe(true)
  expect(await node(endpoints[0]!).etcdMembers()).toHaveLength(3)
})

test('T3 a machine that hangs at its first boot is silent, and a reboot heals it', async () => {
  const one = server(1, 'controlplane', { hangs: true })
  const endpoint = await reach(1)
  const hasty = openTalos({ now: () => new Date(), timeoutMs: 200 })
  expect(await hasty.handshake(endpoint, secrets)).toBe(false)
  expect(isUnavailable(await failure(() => hasty.node({ endpoint, cluster: 'shop', secrets, role: 'os:reader' }).version()))).toBe(true)
  await hasty.close()
  expect(one.lines.at(-1)).toContain('clocksource')
  one.reboot()
  await until(() => talos.handshake(endpoint, secrets)).toBe(true)
})

test('T3 first contact is a handshake under this cluster\'s authority and no other', async () => {
  server(1)
  const endpoint = await reach(1)
  await until(() => talos.handshake(endpoint, secrets)).toBe(true)
  expect(await talos.handshake(endpoint, other)).toBe(false)
  expect(await talos.handshake('127.0.0.1:1', secrets)).toBe(false)
})

test('T3 a machine without a configuration waits in maintenance and is no first contact', async () => {
  plainServer(guests, { serverId: 'x', name: 'x', address: '10.6.0.11', userData: Buffer.from('#cloud-config\n{}'), fabric })
  const endpoint = await reach(1)
  await until(() => guests.nodes()[0]!.isApidUp).toBe(true)
  expect(await talos.handshake(endpoint, secrets)).toBe(false)
  expect(isCertificate(await failure(() => node(endpoint).version()))).toBe(true)
})

test('T3 a worker\'s port refuses until its kubelet reached the API server; then it is a Node with its labels, and Ready', async () => {
  server(5, 'worker')
  const endpoint = await reach(5)
  await until(() => guests.nodes()[0]!.stage).toBe('running')
  expect(await talos.handshake(endpoint, secrets)).toBe(false)
  await controlPlane(1)
  await until(() => talos.handshake(endpoint, secrets)).toBe(true)
  await until(() => nodesOf().filter((n) => n.ready).map((n) => n.name).toSorted()).toEqual(['cp-1', 'w-5'])
  expect(nodesOf().find((n) => n.name === 'w-5')).toMatchObject({ internalIp: '10.6.0.15', labels: { pool: 'a' }, kubeletVersion: 'v1.36.3', osImage: 'Talos (v1.13.9)', controlPlane: false, taints: [{ key: 'dedicated', value: 'batch', effect: 'NoSchedule' }] })
})

test('a worker with machine.nodeTaints gets neither them nor its labels, as a real one', async () => {
  await controlPlane(1)
  const config = gunzipSync(userData('worker', 'w-5')).toString().replace('  nodeLabels:', '  nodeTaints:\n    a: b:NoSchedule\n  nodeLabels:')
  plainServer(guests, { serverId: 's', name: 's', address: '10.6.0.15', userData: Buffer.from(config), fabric })
  await until(() => nodesOf().find((n) => n.name === 'w-5')?.labels['kubernetes.io/hostname']).toBe('w-5')
  expect(nodesOf().find((n) => n.name === 'w-5')?.labels['pool']).toBeUndefined()
})

test('T4 nodes reach the API only through the endpoint\'s addresses: without a way there they do not register', async () => {
  await controlPlane(1)
  fabric.aliases.set(vip, undefined)
  server(5, 'worker')
  await until(() => guests.nodes().find((n) => n.hostname === 'w-5')?.stage).toBe('running')
  expect(nodesOf().map((n) => n.name)).not.toContain('w-5')
  fabric.aliases.set(vip, '10.6.0.11')
  await until(() => nodesOf().find((n) => n.name === 'w-5')?.ready).toBe(true)
})

test('a control plane forwards to the other nodes of its cluster, a worker to none, and nobody to a stranger', async () => {
  const { endpoints } = await controlPlane(1)
  server(5, 'worker')
  await until(() => node(endpoints[0]!, 'os:reader', 5).hostname()).toBe('w-5')
  expect(isPermission(await failure(() => node('x', 'os:reader').hostname().catch(async () => node(await reach(5), 'os:reader', 1).hostname())))).toBe(true)
  plainServer(guests, { serverId: 's', name: 's', address: '10.6.0.99', userData: userData('controlplane', 'stranger', other), fabric })
  await until(() => guests.nodes().some((n) => n.hostname === 'stranger')).toBe(true)
  expect(isUnavailable(await failure(() => node(endpoints[0]!, 'os:reader', 89).hostname()))).toBe(true)
})

test('a server that is gone loses its Ready condition', async () => {
  await controlPlane(1)
  const worker = server(5, 'worker')
  await until(() => nodesOf().find((n) => n.name === 'w-5')?.ready).toBe(true)
  worker.stop()
  await until(() => nodesOf().find((n) => n.name === 'w-5')?.ready).toBe(false)
})

test('roles hold: a reader cannot reboot, an operator cannot reset', async () => {
  server(1)
  const endpoint = await reach(1)
  await until(() => talos.handshake(endpoint, secrets)).toBe(true)
  for (const call of [() => node(endpoint, 'os:reader').reboot(), () => node(endpoint, 'os:operator').reset({ graceful: false, reboot: true }), () => node(endpoint, 'os:operator').etcdRemoveMember('0000000000000001')])
    expect(isPermission(await failure(call))).toBe(true)
})

test.runIf(talosctl !== undefined)('the real talosctl speaks to the simulator with a certificate of ours', async () => {
  const { endpoints } = await controlPlane(3)
  const { privateKey } = generateKeyPairSync('ed25519')
  const crt = signTalosClient(secrets, { csr: newRequest(privateKey), roles: ['os:reader'], ttlMs: 3_600_000, now: new Date() })
  const dir = mkdtempSync(join(tmpdir(), 'skerry-talosctl-'))
  try {
    const readerConfig = talosconfigText({ cluster: 'shop', endpoints: [endpoints[0]!], nodes: ['10.6.0.11', '10.6.0.12'], secrets, crt, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() })
    writeFileSync(join(dir, 'talosconfig'), readerConfig, { mode: 0o600 })
    const run = async (...args: readonly string[]) => { const { stdout, stderr } = await promisify(execFile)(talosctl!, [...args, '--talosconfig', join(dir, 'talosconfig')], { timeout: 20_000 }); return stdout + stderr }
    const version = await run('version', '--short')
    expect(version).toMatch(/NODE:\s+10\.6\.0\.11[\s\S]*Tag:\s+v1\.13\.9[\s\S]*NODE:\s+10\.6\.0\.12/)
    const members = await run('-n', '10.6.0.12', 'etcd', 'members')
    expect(['cp-1', 'cp-2', 'cp-3'].filter((h) => members.includes(h))).toEqual(['cp-1', 'cp-2', 'cp-3'])
    expect(await run('etcd', 'status')).toContain('10.6.0.12')
    expect(await run('-n', '10.6.0.13', 'services')).toMatch(/etcd\s+Running\s+OK/)
    writeFileSync(join(dir, 'talosconfig'), talosconfigText({ cluster: 'shop', endpoints: [endpoints[0]!], nodes: ['10.6.0.11'], secrets, crt: signTalosClient(secrets, { csr: newRequest(privateKey), roles: ['os:admin'], ttlMs: 3_600_000, now: new Date() }), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }), { mode: 0o600 })
    await run('kubeconfig', '--merge=false', join(dir, 'kubeconfig'))
    expect(readFileSync(join(dir, 'kubeconfig')).toString()).toContain('server: https://api.0d1b9c3e.skerry.internal:6443')
    writeFileSync(join(dir, 'talosconfig'), readerConfig, { mode: 0o600 })
    await expect(run('-n', '10.6.0.13', 'reset', '--wait=false')).rejects.toThrow(/PermissionDenied/)
  } finally { rmSync(dir, { recursive: true }) }
})

vi.setConfig({ testTimeout: 30_000 })
