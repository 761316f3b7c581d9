import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect'
import { connectNodeAdapter } from '@connectrpc/connect-node'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer as createTlsServer } from 'node:tls'
import { inspect } from 'node:util'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { openTalos } from './client.ts'
import { isBadAnswer, isCertificate, isPrecondition, isUnavailable, isUnclear } from './errors.ts'
import { newSecretsBundle } from './pki/bundle.ts'
import { newServingCert } from './pki/clients.ts'
import { State } from './proto/gen/cosi/state_pb.ts'
import { MachineService } from './proto/gen/machine/machine_pb.ts'
import type { SecretsBundle, Talos, TalosNode } from './talos.ts'
import { walHead } from './wal.ts'

let secrets: SecretsBundle
beforeAll(async () => { secrets = await newSecretsBundle({ now: new Date(Date.now() - 3_600_000), serviceAccountKey: 'ecdsa' }) })

const open: { server: Http2SecureServer; sockets: Set<Socket>; talos: Talos }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map(async ({ server, sockets, talos }) => { await talos.close(); for (const s of sockets) s.destroy(); await new Promise((done) => { server.close(done) }) }))
})

/** A machine that answers what it likes, with a certificate of the cluster: nodes belong to the tenant. */
const hostile = async (routes: (router: ConnectRouter) => void, { sans = ['127.0.0.1'], timeoutMs = 5_000, unusedMs = 60_000, now = () => new Date() } = {}): Promise<{ readonly node: TalosNode; readonly talos: Talos; readonly endpoint: string; connections(): number }> => {
  const own = newServingCert(secrets.certs.os, { sans, now: new Date(), ttlMs: 3_600_000 })
  const server = createSecureServer({ cert: own.crt, key: own.key, ca: secrets.certs.os.crt, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' }, connectNodeAdapter({ routes }))
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('secureConnection', (s: Socket) => { connections++; sockets.add(s); s.on('error', () => { s.destroy() }) })
  server.on('sessionError', () => { /* the client went away */ })
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
  const talos = openTalos({ now, timeoutMs, unusedMs })
  const endpoint = `127.0.0.1:${(server.address() as AddressInfo).port}`
  open.push({ server, sockets, talos })
  return { node: talos.node({ endpoint, cluster: 'c', secrets, role: 'os:reader' }), talos, endpoint, connections: () => connections }
}
const failure = async (call: () => Promise<unknown>): Promise<Error> => { try { await call() } catch (e) { return e as Error } throw new Error('it did not fail') }
const missing = () => new ConnectError('lstat /var/lib/etcd/member: no such file or directory', Code.Unknown)
const services = (state: string) => () => ({ messages: [{ services: [{ id: 'cri', state }] }] })

test('T5 an answer larger than the limit, or that never ends, is refused and not kept', async () => {
  const megabyte = 'x'.repeat(1_000_000)
  const { node } = await hostile((r) => r.service(MachineService, {
    version: () => ({ messages: [{ version: { tag: megabyte.repeat(6) } }] }),
    async *dmesg() { for (;;) yield { bytes: Buffer.from(megabyte) } },
    async *list() { for (;;) yield { relativeName: 'a' } },
  }))
  for (const call of [() => node.version(), () => node.dmesg(5), () => node.etcdDataExists()]) expect(isBadAnswer(await failure(call))).toBe(true)
})

test('T5 what a node writes is shortened, printable, and parsed as data', async () => {
  const escape = String.fromCharCode(27)
  const yaml = ['a: &a [x,x]\nb: &b [*a,*a]\ninstanceId: *b', 'instanceId: [1]', '{', `instanceId: ${'y'.repeat(100_000)}`, 'null']
  let served = ''
  const { node } = await hostile((r) => {
    r.service(MachineService, {
      version: () => ({ messages: [{ version: { tag: `v1.13.9${escape}[2J\n${'z'.repeat(2_000)}` }, platform: { name: 'openstack' } }] }),
      async *dmesg() { yield { bytes: Buffer.from(`one\ntwo${escape}[31m\n`) } },
    })
    r.service(State, { get: () => ({ resource: { spec: { yamlSpec: served } } }) })
  })
  const { tag } = await node.version()
  expect([tag.length, tag.startsWith('v1.13.9 [2J zzz'), tag.includes(escape)]).toEqual([253, true, false])
  expect(await node.dmesg(1)).toBe('two [31m')
  for (served of yaml) expect(isBadAnswer(await failure(() => node.instanceId()))).toBe(true)
  served = 'instanceId: !!js/function "x"'
  expect(await node.instanceId()).toBe('x')
  served = 'instanceId: 0123'
  expect(await node.instanceId()).toBe('0123')
})

test('T5 an answer for several nodes, or for none, is not taken for the answer of one', async () => {
  const { node } = await hostile((r) => r.service(MachineService, { version: () => ({ messages: [{}, {}] }), etcdMemberList: () => ({ messages: [] }) }))
  for (const call of [() => node.version(), () => node.etcdMembers()]) expect(isBadAnswer(await failure(call))).toBe(true)
})

test('T1 only the one exact answer means that there is no etcd data, and only once the disk is mounted', async () => {
  const ask = async (list: () => AsyncGenerator<{ relativeName: string; error?: string }>, cri = 'Running') => (await hostile((r) => r.service(MachineService, { list, serviceList: services(cri) }))).node
  const throwing = (error: Error) => async function* (): AsyncGenerator<{ relativeName: string }> { yield* []; throw error }
  expect(await (await ask(throwing(missing()))).etcdDataExists()).toBe(false)
  const early = await ask(throwing(missing()), 'Preparing')
  expect(isPrecondition(await failure(() => early.etcdDataExists()))).toBe(true)
  expect(await (await ask(async function* () { yield { relativeName: '.' } })).etcdDataExists()).toBe(true)
  for (const other of [
    throwing(new ConnectError('lstat /var/lib/etcd/member: permission denied', Code.Unknown)), throwing(new ConnectError('lstat /var/lib/etcd: no such file or directory', Code.Unknown)),
    throwing(new ConnectError('not found', Code.NotFound)), throwing(new ConnectError('', Code.Unavailable)), async function* () { yield { relativeName: '.', error: 'lstat /var/lib/etcd/member: no such file or directory' } },
  ]) {
    const node = await ask(other)
    await expect(node.etcdDataExists()).rejects.toThrow()
  }
})

test('T1 the cluster id is asked once for each member, and a log without one is an error', async () => {
  let reads = 0
  let log = walHead(5n, 0xabcn)
  const routes = (r: ConnectRouter) => r.service(MachineService, {
    etcdStatus: () => ({ messages: [{ memberStatus: { memberId: 5n, leader: 5n, dbSize: 12n, raftIndex: 7n, raftAppliedIndex: 6n } }] }),
    async *list() { yield { relativeName: '.' }; yield { relativeName: '0000000000000000-0000000000000000.wal' } },
    async *read() { reads++; yield { bytes: log } },
  })
  const { node } = await hostile(routes)
  const expected = { memberId: '0000000000000005', clusterId: '0000000000000abc', leader: '0000000000000005', raftIndex: 7, raftAppliedIndex: 6, dbSizeBytes: 12, isLearner: false, errors: [] }
  expect([await node.etcdStatus(), await node.etcdStatus(), reads]).toEqual([expected, expected, 1])
  log = Buffer.alloc(4096)
  const { node: other } = await hostile(routes)
  expect(isBadAnswer(await failure(() => other.etcdStatus()))).toBe(true)
})

test('T3 a call to a machine that says nothing ends by our limit, and is unclear', async () => {
  const { node } = await hostile((r) => r.service(MachineService, { bootstrap: () => new Promise(() => { /* never */ }) }), { timeoutMs: 200 })
  const error = await failure(() => node.bootstrap())
  expect([isUnavailable(error), isUnclear(error)]).toEqual([true, true])
})

test('T3 a refused connection is unavailable and not unclear: the call was not received', async () => {
  const { talos, endpoint } = await hostile(() => { /* nothing */ })
  const [host, port] = endpoint.split(':')
  open.at(-1)!.server.close()
  const error = await failure(() => talos.node({ endpoint: `${host}:${Number(port) === 1 ? 2 : 1}`, cluster: 'c', secrets, role: 'os:admin' }).bootstrap())
  expect([isUnavailable(error), isUnclear(error)]).toEqual([true, false])
})

test('T5 a certificate for another address is refused, as is another cluster\'s', async () => {
  const { node } = await hostile(() => { /* nothing */ }, { sans: ['192.0.2.1'] })
  expect(isCertificate(await failure(() => node.version()))).toBe(true)
  const { talos, endpoint } = await hostile(() => { /* nothing */ })
  const other = await newSecretsBundle({ now: new Date(), serviceAccountKey: 'ecdsa' })
  expect(isCertificate(await failure(() => talos.node({ endpoint, cluster: 'other', secrets: other, role: 'os:reader' }).version()))).toBe(true)
})

test('our certificate is made anew before it ends, on a new connection; a forgotten cluster has none', async () => {
  let now = new Date(Date.now() - 45 * 60_000)
  const { node, talos, connections } = await hostile((r) => r.service(MachineService, { version: () => ({ messages: [{}] }) }), { now: () => now })
  await node.version()
  await node.version()
  expect(connections()).toBe(1)
  now = new Date()
  await node.version()
  expect(connections()).toBe(2)
  talos.forget('c')
  await node.version()
  expect(connections()).toBe(3)
})

test('errors hold no key', async () => {
  const { node } = await hostile(() => { /* nothing */ }, { sans: ['192.0.2.1'] })
  expect(inspect(await failure(() => node.version()), { depth: 10 })).not.toMatch(/PRIVATE KEY/)
})

test('a channel that is not used is dropped, and one that is used stays', async () => {
  const { node, connections } = await hostile((r) => r.service(MachineService, { version: () => ({ messages: [{}] }) }), { unusedMs: 400 })
  for (let i = 0; i < 10; i++) { await node.version(); await sleep(100) }
  const used = connections()
  await sleep(1_000)
  await node.version()
  expect([used, connections()]).toEqual([1, 2])
})

test('T5 a machine that ends connections as they are made is unavailable', async () => {
  const own = newServingCert(secrets.certs.os, { sans: ['127.0.0.1'], now: new Date(), ttlMs: 3_600_000 })
  // Once the settings are out, the client's side is "connected" when the reset comes.
  const server = createTlsServer({ cert: own.crt, key: own.key, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' }, (s) => { s.on('error', () => {}); s.end(Buffer.from('000000040000000000', 'hex')); s.destroy() })
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
  const talos = openTalos({ now: () => new Date(), timeoutMs: 2_000 })
  try {
    const node = talos.node({ endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`, cluster: 'c', secrets, role: 'os:reader' })
    for (let i = 0; i < 20; i++) expect(await Promise.all([failure(() => node.version()), failure(() => node.services())]).then((all) => all.map(isUnavailable))).toEqual([true, true])
  } finally {
    await talos.close()
    await new Promise((done) => { server.close(done) })
  }
})
