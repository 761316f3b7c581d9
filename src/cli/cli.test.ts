import { X509Certificate } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { CloudProject, Cluster, NodePool, Site } from '../api/index.ts'
import type { AccessRequest } from '../api/access/index.ts'
import { newSecretsBundle } from '../drivers/talos/pki/bundle.ts'
import { signKubernetesClient } from '../drivers/talos/pki/clients.ts'
import type { CloudPorts, Probe } from './context.ts'
import { startCliBed, sayReady, type CliBed } from './testing.ts'

const secrets = await newSecretsBundle({ now: new Date(), serviceAccountKey: 'ecdsa' })
const credentials: unknown[] = []
const probe: Probe = {
  projectName: 'skerry', userName: 'skerry', roles: ['member'], shape: 'tenant', externalNetwork: 'public', volumeTypes: ['fast'], images: [],
  machineTypes: [{ name: 'b2', cpus: 4, memoryMiB: 8192, diskGiB: 0 }], problems: ['no Talos image: skerry site image add'],
}
const uploads: unknown[] = []
const clouds: CloudPorts = {
  entry: async () => ({ site: { authUrl: 'https://other.example.org/v3' }, credential: { applicationCredential: { id: 'a', secret: 'hush' } } }) as never,
  probe: async () => probe,
  upload: async (_entry, image, progress) => { uploads.push(image); progress(0, 4); progress(2, 4); progress(4, 4); return 'i1' },
}

let bed: CliBed
const begin = async (yes = false) => {
  bed = await startCliBed({
    clouds, yes,
    subresources: {
      'clusters/kubeconfig': async ({ body }) => {
        const { spec } = body as AccessRequest
        const certificate = signKubernetesClient(secrets, { csr: spec.csr, user: 'tess', groups: ['skerry:cluster-admins'], ttlMs: spec.expirationSeconds * 1000, now: new Date() })
        const servers = ['https://192.0.2.1:6443', 'https://192.0.2.2:6443']
        return { status: { certificate, ca: secrets.certs.k8s.crt, server: servers[0], servers, serverName: 'api.x.skerry.internal', expiresAt: '2026-11-25T08:00:00Z' } }
      },
      'clusters/secrets': async ({ body }) => ({ status: { encrypted: `for ${String((body as { spec: { recipients: string[] } }).spec.recipients)}` } }),
      'sites/credential': async ({ body }) => { credentials.push(body); return { status: { sealed: true } } },
    },
  })
}
beforeEach(() => begin())
afterEach(() => bed.close())

const create = ['cluster', 'create', 'shop', '-n', 'demo', '--site', 'sto1', '--machine-type', 'b2'] as const
const shop = { namespace: 'demo', name: 'shop' }

describe('cluster create', () => {
  test('makes a cluster of the newest release and a first pool', async () => {
    expect(await bed.run(...create, '--workers', '2', '--no-wait')).toEqual({ code: 0, out: '', err: 'cluster shop created\nnodepool shop-workers created' })
    const cluster = await bed.user.get(Cluster, shop)
    const pool = await bed.user.get(NodePool, { namespace: 'demo', name: 'shop-workers' })
    expect([cluster?.spec.release, cluster?.spec.controlPlane.replicas, pool?.spec.replicas, pool?.spec.machineType]).toEqual(['2026.4.1', 3, 2, 'b2'])
  })

  test('O3 cluster and pool that do not fit together are refused before either is made, also as a dry run', async () => {
    const found = { shape: 'routed', projectName: 'shop', userName: 'u', roles: [], volumeTypes: [], images: [{ id: 'i', name: 't', talosVersion: 'v1.13.9' }], microversion: '2.90' }
    await bed.site.applyStatus(Site, { metadata: { name: 'sto1' }, status: { found, conditions: [{ type: 'Ready', status: 'True', reason: 'Ready', message: '', lastTransitionTime: '2026-11-25T00:00:00Z', observedGeneration: 1 }] } }, { manager: 'test' })
    await bed.site.create(CloudProject, { metadata: { name: 'sto1.p' }, spec: { site: 'sto1', projectId: 'p', projectName: 'shop', projects: ['demo'], since: '2026-11-25T00:00:00Z', limits: { cores: { limit: 24, used: 8 } } } }, { manager: 'test' })
    for (const more of [['--dry-run'], ['--no-wait']]) expect(await bed.run(...create, '--workers', '2', ...more)).toMatchObject({ code: 4, out: '', err: expect.stringContaining('quota cores: needs 20 cores, 16 of 24 are left in cloud project shop of site sto1') })
    expect(await bed.user.get(Cluster, shop)).toBeUndefined()
    expect((await bed.run(...create, '--workers', '1', '--dry-run')).code).toBe(0)
  })

  test('waits until cluster and pool are Ready, and says what it waits for', async () => {
    const waiting = bed.run(...create)
    let cluster: Cluster | undefined
    while (cluster === undefined) cluster = await bed.user.get(Cluster, shop)
    await sayReady(bed, Cluster, cluster, ['Ready', 'InfrastructureReady', 'EndpointReady', 'ControlPlaneReady', 'AddOnsReady'])
    const { code, err } = await waiting
    expect([code, /cluster shop created/.test(err), /control plane +ready/.test(err), /cluster shop is Ready after/.test(err)]).toEqual([0, true, true, true])
  })

  test('previews in words and makes nothing', async () => {
    const { code, out } = await bed.run(...create, '--workers', '2', '--dry-run')
    expect([code, out.split('\n')[0], await bed.user.get(Cluster, shop)]).toEqual([0, 'cluster shop in project demo, at site sto1, release 2026.4.1:', undefined])
    expect(out).toContain('makes 3 control-plane machines of b2 and 2 workers of b2')
  })

  test('takes a file with a cluster and its pools', async () => {
    bed.files.set('shop.yaml', 'kind: Cluster\nmetadata: { name: shop }\nspec: { site: sto1, release: 2026.4.1, controlPlane: { replicas: 1, machineType: b2 } }\n---\nkind: NodePool\nmetadata: { name: web }\nspec: { cluster: shop, machineType: b2 }\n')
    expect(await bed.run('cluster', 'create', '-n', 'demo', '-f', 'shop.yaml', '--no-wait')).toEqual({ code: 0, out: '', err: 'cluster shop created\nnodepool web created' })
    expect((await bed.run('cluster', 'create', '-n', 'demo', '-f', 'shop.yaml', '--dry-run')).code).toBe(4)
  })

  test.each([
    [['--control-plane', '2'], 4, 'spec.controlPlane.replicas', '1, 3 or 5'],
    [['--pods', '10.0.0.0/40'], 4, 'spec.network.pods[0]', 'not an IPv4 network'],
    [['--cni', 'calico'], 4, 'spec.network.cni', '"flannel", "release", "none"'],
    [['--workers', 'many'], 2, 'many', 'no whole number'],
    [['-f', 'x.yaml'], 2, 'shop', 'names stand in the file'],
  ])('%j is answered by naming the field and what is allowed', async (more, code, field, allowed) => {
    const ran = await bed.run(...create, ...more, '--no-wait')
    expect([ran.code, ran.err.includes(field), ran.err.includes(allowed)]).toEqual([code, true, true])
  })

  test.each([
    [['cluster', 'create', 'shop', '-n', 'demo'], '--site and --machine-type: needed'],
    [['cluster', 'create', '-n', 'demo'], 'a name is needed'],
    [['cluster', 'list', '-n', 'demo', '-o', 'xml'], 'table, wide, yaml, json, name'],
    [['cluster', 'list'], 'which project?'],
    [['pool', 'create', 'web', '-n', 'demo'], '--cluster'],
    [['cluster', 'frobnicate'], 'frobnicate'],
    [['cluster', 'kubeconfig', 'shop', '-n', 'demo', '--ttl', '86400'], 'from 300 to 28800'],
  ])('usage: %j is exit code 2', async (argv, says) => {
    const ran = await bed.run(...argv)
    expect([ran.code, ran.err.includes(says)]).toEqual([2, true])
  })
})

describe('looking', () => {
  beforeEach(async () => { await bed.run(...create, '--no-wait') })

  test('prints tables, wide tables, names, YAML and JSON', async () => {
    const of = async (format: string) => (await bed.run('cluster', 'list', '-n', 'demo', '-o', format)).out
    expect((await of('table')).split('\n').map((l) => l.split(/ {2,}/))).toMatchObject([['NAME', 'SITE', 'RELEASE', 'CONTROL PLANE', 'READY', 'REASON', 'AGE'], ['shop', 'sto1', '2026.4.1', '<none>', '<none>', '<none>', expect.stringMatching(/^\d+s$/)]])
    expect((await of('wide')).split('\n')[0]).toContain('ENDPOINT')
    expect(await of('name')).toBe('cluster/shop')
    const whole = { apiVersion: 'skerry.dev/v1alpha1', kind: 'ClusterList', items: [{ metadata: { name: 'shop' } }] }
    expect(JSON.parse(await of('json'))).toMatchObject(whole)
    expect(parse(await of('yaml'))).toMatchObject(whole)
  })

  test.each([['-n', 'demo', 'cluster', 'list'], ['cluster', '-n', 'demo', 'list'], ['cluster', 'list', '--namespace=demo'], ['cluster', 'list', '-n', 'demo', '--kubeconfig', 'x']])('understands the project and the kubeconfig wherever they stand: %s %s %s %s', async (...argv) => {
    expect((await bed.run(...argv, '-o', 'name')).out).toBe('cluster/shop')
  })

  test('is exit code 3 for what is not there', async () => {
    const codes = await Promise.all([['cluster', 'get', 'nope'], ['cluster', 'get', 'nope', '-o', 'yaml'], ['cluster', 'delete', 'nope', '--yes'], ['pool', 'scale', 'nope', '3'], ['cluster', 'events', 'nope'], ['cluster', 'support-bundle', 'nope'], ['cluster', 'kubeconfig', 'nope']].map(async (a) => (await bed.run(...a, '-n', 'demo')).code))
    expect(codes).toEqual([3, 3, 3, 3, 3, 3, 3])
  })

  test('tells the events of a cluster in order, and bundles them with its objects', async () => {
    const event = (name: string, reason: string, lastTimestamp: string, about: string) => bed.user.request({ method: 'POST', path: '/api/v1/namespaces/demo/events', body: {
      apiVersion: 'v1', kind: 'Event', metadata: { name, namespace: 'demo' }, involvedObject: { kind: 'Cluster', namespace: 'demo', name: about }, type: 'Normal', reason, message: 'm', count: 2, lastTimestamp,
    } })
    await event('e2', 'Second', '2026-11-25T00:00:02Z', 'shop')
    await event('e1', 'First', '2026-11-25T00:00:01Z', 'shop')
    await event('e3', 'Other', '2026-11-25T00:00:03Z', 'else')
    expect((await bed.run('cluster', 'events', 'shop', '-n', 'demo')).out.split('\n').map((l) => l.split(/ {2,}/))).toEqual([
      ['2026-11-25T00:00:01Z', 'Normal', 'First', 'cluster/shop', 'm (2 times)'], ['2026-11-25T00:00:02Z', 'Normal', 'Second', 'cluster/shop', 'm (2 times)'],
    ])
    await bed.run('cluster', 'support-bundle', 'shop', '-n', 'demo', '--output', 'b.yaml')
    expect(bed.files.get('b.yaml')!.split('\n---\n').map((d) => (parse(d) as { kind: string }).kind)).toEqual(['Cluster', 'Event', 'Event'])
  })

  test('knows the kinds without a server', async () => { expect((await bed.run('api-resources')).out).toContain('nodepools') })
  test('tells both versions', async () => { expect(await bed.run('version')).toEqual({ code: 0, out: 'skerry 0.1.0\nplatform v1.36.0-skerry.lab', err: '' }) })
})

describe('T8 kubeconfig', () => {
  beforeEach(async () => { await bed.run(...create, '--no-wait') })

  test('holds a certificate for the key that was made here, one context for each address', async () => {
    const { code, err } = await bed.run('cluster', 'kubeconfig', 'shop', '-n', 'demo', '--output', 'k')
    const k = parse(bed.files.get('k')!) as { contexts: { name: string }[]; clusters: { cluster: Record<string, string> }[]; users: { user: Record<string, string> }[] }
    const user = k.users[0]!.user
    const certificate = new X509Certificate(Buffer.from(user['client-certificate-data']!, 'base64'))
    const key = (await import('node:crypto')).createPrivateKey(Buffer.from(user['client-key-data']!, 'base64').toString())
    expect([code, certificate.checkPrivateKey(key), certificate.subject, k.contexts.map((c) => c.name), k.clusters[0]!.cluster['tls-server-name']])
      .toEqual([0, true, 'O=skerry:cluster-admins\nCN=tess', ['shop-0', 'shop-1'], 'api.x.skerry.internal'])
    expect(err).toContain('kubectl does not fail over')
  })

  test('as an exec credential plugin, and as a file that holds no key', async () => {
    const { out } = await bed.run('cluster', 'kubeconfig', 'shop', '-n', 'demo', '--exec-credential')
    expect(JSON.parse(out)).toMatchObject({ kind: 'ExecCredential', status: { expirationTimestamp: '2026-11-25T08:00:00Z', clientKeyData: expect.stringContaining('PRIVATE KEY') } })
    const file = (await bed.run('cluster', 'kubeconfig', 'shop', '-n', 'demo', '--exec')).out
    expect(file).not.toMatch(/client-key|PRIVATE|client-certificate-data/)
    expect((parse(file) as { users: unknown[] }).users).toMatchObject([{ user: { exec: { command: 'skerry', args: ['cluster', 'kubeconfig', 'shop', '--namespace', 'demo', '--ttl', '28800', '--exec-credential'] } } }])
  })
})

test('T7 secrets are exported to a file, for the keys that were named', async () => {
  await bed.run(...create, '--no-wait')
  expect(await bed.run('cluster', 'secrets', 'export', 'shop', '-n', 'demo', '--recipient', 'age1a', '--recipient', 'age1b', '--output', 's.age')).toEqual({ code: 0, out: '', err: 'written to s.age, readable by you only' })
  expect(bed.files.get('s.age')).toBe('for age1a,age1b')
  expect((await bed.run('cluster', 'secrets', 'export', 'shop', '-n', 'demo', '--recipient', 'ssh-rsa')).code).toBe(2)
})

test('what the platform does not serve is exit code 4', async () => {
  expect(await bed.run('machine', 'console', 'm', '-n', 'demo')).toEqual({ code: 4, out: '', err: 'skerry: this platform does not serve that yet' })
})

describe('changing', () => {
  test('pools are made with labels and taints, scaled and deleted', async () => {
    await bed.run(...create, '--no-wait')
    const key = { namespace: 'demo', name: 'web' }
    expect((await bed.run('pool', 'create', 'web', '-n', 'demo', '--cluster', 'shop', '--machine-type', 'b2', '--label', 'tier=web', '--taint', 'gpu=a:NoSchedule')).err).toBe('pool web created')
    expect((await bed.user.get(NodePool, key))?.spec).toMatchObject({ labels: { tier: 'web' }, taints: [{ key: 'gpu', value: 'a', effect: 'NoSchedule' }] })
    expect((await bed.run('pool', 'create', 'x', '-n', 'demo', '--cluster', 'shop', '--machine-type', 'b2', '--taint', 'gpu')).code).toBe(2)
    await bed.run('pool', 'scale', 'web', '5', '-n', 'demo')
    expect((await bed.user.get(NodePool, key))?.spec.replicas).toBe(5)
    expect((await bed.run('pool', 'scale', 'web', '5000', '-n', 'demo')).err).toContain('spec.replicas')
    expect((await bed.run('pool', 'delete', 'web', '-n', 'demo')).code).toBe(1)
    expect((await bed.run('pool', 'delete', 'web', '-n', 'demo', '--yes')).code).toBe(0)
    expect((await bed.user.get(NodePool, key))?.metadata.deletionTimestamp).toBeDefined()
  })

  test('a cluster is deleted after a yes, and followed until it is gone', async () => {
    await bed.run(...create, '--no-wait')
    expect((await bed.run('cluster', 'delete', 'shop', '-n', 'demo')).err).toContain('not deleted')
    const deleting = bed.run('cluster', 'delete', 'shop', '-n', 'demo', '--yes')
    let there = await bed.user.get(Cluster, shop)
    while (there?.metadata.deletionTimestamp === undefined) there = await bed.user.get(Cluster, shop)
    await bed.site.request({ method: 'PATCH', path: '/apis/skerry.dev/v1alpha1/namespaces/demo/clusters/shop', contentType: 'application/merge-patch+json', body: { metadata: { finalizers: null } } })
    expect((await deleting).err).toContain('cluster shop is gone')
  })
})

describe('sites', () => {
  test('says what was found and what is missing before it does anything', async () => {
    const { code, err } = await bed.run('site', 'add', 'got1', '--os-cloud', 'got1')
    expect([code, err.includes('MISSING  no Talos image'), err.includes('not added'), await bed.user.get(Site, { namespace: '', name: 'got1' })]).toEqual([1, true, true, undefined])
  })

  test('the credential goes to its own subresource and nowhere else', async () => {
    const adding = bed.run('site', 'add', 'got1', '--os-cloud', 'got1', '--yes', '--ntp', '10.0.0.1', '--mirror', 'docker.io=https://m.example.org')
    let site: Site | undefined
    while (site === undefined) site = await bed.user.get(Site, { namespace: '', name: 'got1' })
    await sayReady(bed, Site, site, ['Ready'])
    const { code, err, out } = await adding
    expect([code, credentials.at(-1), `${err}${out}${JSON.stringify(site)}`.includes('hush'), site.spec.services]).toMatchObject([
      0, { spec: { applicationCredential: { id: 'a', secret: 'hush' } } }, false, { ntp: ['10.0.0.1'], registryMirrors: { 'docker.io': { endpoints: ['https://m.example.org'] } } },
    ])
  })

  test('uploads an image with its checksum, and refuses what is no checksum', async () => {
    const sha256 = 'A'.repeat(64)
    expect((await bed.run('site', 'image', 'add', 'sto1', 'talos.raw', '--talos', 'v1.13.9', '--sha256', sha256, '--property', 'hw_x=a=b')).code).toBe(0)
    expect(uploads.at(-1)).toEqual({ name: 'talos-v1.13.9', talosVersion: 'v1.13.9', path: 'talos.raw', sha256: sha256.toLowerCase(), properties: { hw_x: 'a=b' } })
    expect((await bed.run('site', 'image', 'add', 'sto1', 'talos.raw', '--talos', 'v1.13.9', '--sha256', 'abc')).err).toContain('64 hexadecimal digits')
  })
})

test('a platform that does not answer is exit code 5', async () => {
  const { httpResources } = await import('../client/index.ts')
  const { buildProgram, runProgram } = await import('./program.ts')
  const { contextOf } = await import('./testing.ts')
  const err: string[] = []
  const argv = ['cluster', 'list', '-n', 'demo']
  const nobody = httpResources({ server: 'http://127.0.0.1:1' })
  const context = contextOf({ resources: () => nobody, argv, out: [], err })
  expect(await runProgram(buildProgram(context), argv, context)).toBe(5)
  await nobody.close()
})
