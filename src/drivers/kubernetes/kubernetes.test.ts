import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import { createServer as createTls, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newServingCert } from '../talos/pki/clients.ts'
import { isBadAnswer, isCertificate, isConflict, isDenied, isInvalid, isNotFound, isUnavailable, openKubernetes, type KubernetesDriver, type TenantKubernetes } from './index.ts'
import type { KubernetesSim as TalosSidePort } from '../talos/sim/kubernetes-port.ts'
import { ServiceAccount } from './sim/kinds.ts'
import { clientOf, listen, newAuthority, nodeCalled, serverName, startTestCluster, type TestCluster } from './testing.ts'

const silent = { info() {}, warn() {} }
const failure = (p: Promise<unknown>): Promise<unknown> => p.then(() => { throw new Error('it passed') }, (e: unknown) => e)

let bed: TestCluster
let driver: KubernetesDriver
let api: TenantKubernetes
beforeEach(async () => {
  bed = await startTestCluster()
  driver = openKubernetes({ log: silent })
  api = driver.connect('c1', bed.access)
})
afterEach(async () => { await driver.close(); await bed.close() })

describe('a tenant cluster', () => {
  test('is ready when /readyz says ok', async () => { expect(await api.readyz()).toBe(true) })

  test('that does not answer is unavailable, and reached again when it does', async () => {
    bed.down()
    expect(isUnavailable(await failure(api.readyz()))).toBe(true)
    bed.up()
    expect(await api.readyz()).toBe(true)
  })

  test('tells its nodes', async () => {
    bed.api.registerNode(nodeCalled('w1'))
    expect(bed.api.nodeReady('w1', true)).toBe(true)
    await bed.cluster.settled()
    expect(await api.nodes()).toEqual([{
      name: 'w1', uid: expect.stringMatching(/^[0-9a-f-]{36}$/), providerId: '', ready: true, unschedulable: false, kubeletVersion: 'v1.36.3', osImage: 'Talos (v1.13.9)', internalIps: ['10.0.0.7'],
      labels: { 'kubernetes.io/hostname': 'w1', 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64', tier: 'web' },
    }])
  })

  test('takes a provider id, labels and a cordon', async () => {
    bed.api.registerNode(nodeCalled('w1'))
    await bed.cluster.settled()
    await api.patchNode('w1', { spec: { providerID: 'openstack:///u1' }, metadata: { labels: { 'topology.kubernetes.io/zone': 'nova' } } })
    await api.cordon('w1')
    const [node] = await api.nodes()
    expect({ providerId: node?.providerId, unschedulable: node?.unschedulable, zone: node?.labels['topology.kubernetes.io/zone'], tier: node?.labels['tier'] })
      .toEqual({ providerId: 'openstack:///u1', unschedulable: true, zone: 'nova', tier: 'web' })
  })

  test('T6 takes what is applied, twice without a change, and shows the manager', async () => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', namespace: 'kube-system' }, data: { a: '1' } }
    await api.apply(object, 'skerry-addons')
    const first = await api.get({ ...object, name: 'settings', namespace: 'kube-system' })
    await api.apply(object, 'skerry-addons')
    expect(await api.get({ ...object, name: 'settings', namespace: 'kube-system' })).toEqual(first)
    expect({ data: first?.['data'], managedFields: first?.metadata['managedFields'] }).toMatchObject({ data: { a: '1' }, managedFields: [{ manager: 'skerry-addons' }] })
  })

  test('is asked where a kind lives that not every Kubernetes has', async () => {
    expect(isNotFound(await failure(api.list({ apiVersion: 'example.org/v1', kind: 'Thing' })))).toBe(true)
    expect(await api.list({ apiVersion: 'v1', kind: 'Service', namespace: 'default' })).toMatchObject([{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'kubernetes' } }])
  })

  test('lists more than a page holds, and by label', async () => {
    const objects = await bed.cluster.objects()
    for (let i = 0; i < 1_201; i++) await objects.create(ServiceAccount, { metadata: { name: `sa-${i}`, namespace: 'kube-public', labels: { odd: String(i % 2) } } })
    const all = await api.list({ apiVersion: 'v1', kind: 'ServiceAccount', namespace: 'kube-public' })
    const odd = await api.list({ apiVersion: 'v1', kind: 'ServiceAccount', namespace: 'kube-public', labelSelector: 'odd=1' })
    expect([new Set(all.map((o) => o.metadata.name)).size, odd.length]).toEqual([1_202, 600])
  })

  test('answers undefined for what is not there, and deleting it twice is no error', async () => {
    const named = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', namespace: 'default' }
    expect(await api.get(named)).toBeUndefined()
    await api.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x', namespace: 'default' } }, 'test')
    await api.delete(named)
    await api.delete(named)
    expect(await api.get(named)).toBeUndefined()
  })

  test('refuses names that would lead elsewhere', async () => {
    expect(isInvalid(await failure(api.get({ apiVersion: 'v1', kind: 'Secret', name: '..', namespace: 'default' })))).toBe(true)
  })
})

describe('T8 who may come in', () => {
  test('nobody without a certificate of the cluster', async () => {
    const stranger = { ...bed.access, ...clientOf(newAuthority('other'), 'skerry:controllers', ['system:masters']) }
    expect(isDenied(await failure(driver.connect('stranger', stranger).nodes()))).toBe(true)
  })

  test('a group of ours only while it is bound to cluster-admin', async () => {
    const person = driver.connect('person', bed.accessAs('eva', ['skerry:cluster-admins']))
    expect(isDenied(await failure(person.nodes()))).toBe(true)
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name: 'skerry:cluster-admins' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' }, subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'skerry:cluster-admins' }],
    }
    await api.apply(binding, 'skerry-addons')
    expect(await person.nodes()).toEqual([])
    await api.delete({ apiVersion: binding.apiVersion, kind: binding.kind, name: binding.metadata.name })
    expect(isDenied(await failure(person.nodes()))).toBe(true)
  })

  test('and a server that is not under the cluster\'s authority, or has another name, is not talked to', async () => {
    const foreign = driver.connect('foreign', { ...bed.access, ca: newAuthority('kubernetes').crt })
    const misnamed = driver.connect('misnamed', { ...bed.access, serverName: 'api.ffffffff.skerry.internal' })
    expect([isCertificate(await failure(foreign.readyz())), isCertificate(await failure(misnamed.readyz()))]).toEqual([true, true])
  })
})

test('T9 the simulator, as Talos runs it, answers 401 to whom it does not know, on every path', async () => {
  const { hostname, port } = new URL(bed.access.server)
  const request = https.get({ host: hostname, port, path: '/readyz', servername: serverName, ca: bed.access.ca, agent: false })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.resume()
  expect(response.statusCode).toBe(401)
})

describe('draining', () => {
  const deployment = (replicas: number, app = 'web') => ({
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: app, namespace: 'default' },
    spec: { replicas, selector: { matchLabels: { app } }, template: { metadata: { labels: { app } }, spec: { containers: [{ name: app, image: `${app}:1` }] } } },
  })
  const podsOf = async (app: string) => (await api.list({ apiVersion: 'v1', kind: 'Pod', namespace: 'default', labelSelector: `app=${app}` })).map((p) => (p['spec'] as { nodeName?: string }).nodeName)
  const twoNodes = async () => {
    for (const name of ['w1', 'w2']) { bed.api.registerNode(nodeCalled(name)); bed.api.nodeReady(name, true) }
    await bed.cluster.settled()
  }
  const drained = async (name: string) => { const left = await api.evict(name); await bed.cluster.settled(); return left }

  test('O7 moves pods to other nodes and leaves those of DaemonSets', async () => {
    await twoNodes()
    await api.apply(deployment(2), 'test')
    await bed.cluster.settled()
    expect((await podsOf('web')).toSorted()).toEqual(['w1', 'w2'])
    await api.cordon('w1')
    await drained('w1')
    expect(await drained('w1')).toEqual([])
    expect(await podsOf('web')).toEqual(['w2', 'w2'])
    const staying = await api.list({ apiVersion: 'v1', kind: 'Pod', fieldSelector: 'spec.nodeName=w1' })
    expect(staying.map((p) => (p.metadata['labels'] as Record<string, string>)['k8s-app']).toSorted()).toEqual(['kube-flannel', 'kube-proxy'])
  })

  test('says which disruption budget holds a pod back', async () => {
    await twoNodes()
    await api.apply(deployment(1), 'test')
    await api.apply({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'web-stays', namespace: 'default' }, spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } } }, 'test')
    await bed.cluster.settled()
    const [on] = await podsOf('web')
    await api.cordon(on!)
    await drained(on!)
    expect(await drained(on!)).toEqual([{ pod: expect.stringMatching(/^default\/web-/), why: 'The disruption budget web-stays needs 1 healthy pods and has 1 currently' }])
    expect(await podsOf('web')).toEqual([on])
    await api.delete({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', name: 'web-stays', namespace: 'default' })
    await drained(on!)
    expect(await drained(on!)).toEqual([])
  })

  test('O7 pods behind many that cannot be asked are asked all the same, and those are named with the answer', async () => {
    bed.api.registerNode(nodeCalled('w1'))
    bed.api.nodeReady('w1', true)
    await bed.cluster.settled()
    await api.apply(deployment(8, 'aaa'), 'test')
    // Kubernetes answers 500 for a pod under two budgets.
    for (const name of ['one', 'two']) await api.apply({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name, namespace: 'default' }, spec: { maxUnavailable: 8, selector: { matchLabels: { app: 'aaa' } } } }, 'test')
    await bed.cluster.settled()
    await api.apply(deployment(3, 'zzz'), 'test')
    await bed.cluster.settled()
    await api.cordon('w1')
    await drained('w1')
    const left = await drained('w1')
    expect([left.length, ...new Set(left.map((l) => l.why))]).toEqual([8, expect.stringContaining('more than one PodDisruptionBudget')])
  })

  test('a pod of a node that is gone is gone', async () => {
    await twoNodes()
    await api.apply(deployment(2), 'test')
    await bed.cluster.settled()
    await api.delete({ apiVersion: 'v1', kind: 'Node', name: 'w2' })
    await bed.cluster.settled()
    expect(await podsOf('web')).toEqual(['w1', 'w1'])
    expect(bed.api.hasNode('w2')).toBe(false)
    expect(bed.api.nodeReady('w2', true)).toBe(false)
  })
})

describe('T5 what a tenant\'s server answers', () => {
  /** A server under the cluster's authority that answers every request with `body`. */
  const hostile = async (body: (socket: TLSSocket) => void) => {
    const authority = newAuthority()
    const own = newServingCert(authority, { sans: [serverName], now: new Date(), ttlMs: 3_600_000 })
    const sockets = new Set<TLSSocket>()
    const server = createTls({ cert: own.crt, key: own.key }, (socket) => { sockets.add(socket); socket.on('error', () => {}); socket.once('data', () => { body(socket) }) })
    const address = await listen(server)
    const access = { server: `https://${address}`, serverName, ca: authority.crt, ...clientOf(authority, 'us', ['system:masters']) }
    return { access, tenant: driver.connect('hostile', access), [Symbol.asyncDispose]: async () => { for (const s of sockets) s.destroy(); server.close(); await once(server, 'close') } }
  }
  const answer = (text: string, status = '200 OK') => (s: TLSSocket) => { s.write(`HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`) }

  test.each([
    ['no JSON', answer('<html>')],
    ['no object', answer('[]')],
    ['no list', answer('{}')],
    ['nested without end', answer(`{"items":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)],
    ['longer than any list', (s: TLSSocket) => {
      s.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      const piece = `100000\r\n${' '.repeat(0x100000)}\r\n`
      const pour = (): void => { while (!s.destroyed && s.write(piece)); if (!s.destroyed) s.once('drain', pour) }
      pour()
    }],
  ])('is refused when it is %s', async (_what, body) => {
    await using bed2 = await hostile(body)
    expect(isBadAnswer(await failure(bed2.tenant.nodes()))).toBe(true)
  })

  test('has no more than so many bytes of headers', async () => {
    await using bed2 = await hostile((s) => { s.write(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`) })
    expect(isBadAnswer(await failure(bed2.tenant.nodes()))).toBe(true)
  })

  test('is kept as short printable texts', async () => {
    await using bed2 = await hostile(answer(JSON.stringify({ metadata: {}, items: [{ metadata: { name: `n\u001b[2J${'x'.repeat(1000)}`, labels: { a: 1, b: 'y\n' } }, status: { nodeInfo: { osImage: ['no'] }, addresses: 'none', conditions: [null] } }, 'no node'] })))
    expect(await bed2.tenant.nodes()).toEqual([{ name: `n [2J${'x'.repeat(248)}`, uid: '', providerId: '', ready: false, unschedulable: false, kubeletVersion: '', osImage: '', internalIps: [], labels: { b: 'y ' } }])
  })

  test('ends a watch whose event does not end, and is asked again', async () => {
    const warned = Promise.withResolvers<object>()
    driver = openKubernetes({ log: { info() {}, warn: (fields) => { warned.resolve(fields) } } })
    const list = JSON.stringify({ metadata: { resourceVersion: '7' }, items: [] })
    await using bed2 = await hostile((s) => {
      answer(list)(s)
      s.once('data', () => { s.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'); for (let i = 0; i < 3; i++) s.write(`100000\r\n${'x'.repeat(0x100000)}\r\n`) })
    })
    const { stop } = driver.watchNodes('hostile', async () => bed2.access, () => {})
    expect(await warned.promise).toEqual({ cluster: 'hostile', error: 'watch nodes of hostile: one event of more than 2097152 bytes' })
    stop()
    await driver.close()
  })

  test('does not come at all: the call ends by time', async () => {
    driver = openKubernetes({ log: silent, timeoutMs: 200 })
    await using bed2 = await hostile(() => {})
    expect(isUnavailable(await failure(bed2.tenant.nodes()))).toBe(true)
    await driver.close()
  })

  test.each([['at once', 0, isBadAnswer], ['slowly', 50, isUnavailable]] as const)('is given up when it is a list whose pages never end and come %s', async (_how, afterMs, is) => {
    driver = openKubernetes({ log: silent, timeoutMs: 500 })
    let pages = 0
    const page = (s: TLSSocket): void => { setTimeout(() => { answer(`{"items":[],"metadata":{"continue":"${++pages}"}}`)(s) }, afterMs) }
    await using bed2 = await hostile((s) => { page(s); s.on('data', () => { page(s) }) })
    expect(is(await failure(bed2.tenant.nodes()))).toBe(true)
    await driver.close()
  })

  test.each([['409 Conflict', 'AlreadyExists', isConflict], ['403 Forbidden', '', isDenied], ['503 Service Unavailable', '', isUnavailable], ['422 Unprocessable Entity', 'Invalid', isInvalid]] as const)('%s %s is classified', async (status, reason, is) => {
    await using bed2 = await hostile(answer(JSON.stringify({ kind: 'Status', reason, message: 'x' }), status))
    expect(is(await failure(bed2.tenant.nodes()))).toBe(true)
  })
})

test('the simulator is what the Talos simulator asks for', () => {
  const port: TalosSidePort = bed.sim
  expect(port.ensureCluster).toBeTypeOf('function')
})
