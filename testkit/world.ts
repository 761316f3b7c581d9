/**
 * Skerry whole, in one process: the API over a memory store, all controllers, and a simulated cloud in which simulated Talos
 * machines make simulated Kubernetes clusters. Time hops over what nobody needs to wait for; controllers may be ended and begun
 * anew while store and cloud go on.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { randomBytes, randomInt } from 'node:crypto'
import { Cluster, kinds, Machine, NodePool, Project, Release, Site } from '../src/api/index.ts'
import { condition, isTrue, keyOf, type Condition, type Kind, type Resource } from '../src/api/meta/index.ts'
import type { SiteSpec } from '../src/api/site/index.ts'
import { byToken, createApiServer, type Identity } from '../src/apiserver/index.ts'
import { httpResources, type HttpResources } from '../src/client/index.ts'
import { controllers as allControllers } from '../src/controllers/index.ts'
import type { Ports } from '../src/controllers/ports.ts'
import { openKubernetes } from '../src/drivers/kubernetes/index.ts'
import { createKubernetesSim, type SimulatedCluster } from '../src/drivers/kubernetes/sim/index.ts'
import { openCloud, openRejections, tokenBucket, type OpenCloud } from '../src/drivers/openstack/index.ts'
import { startOpenStackSim, type Inventory, type OpenStackSim, type ProjectOptions, type SimOptions } from '../src/drivers/openstack/sim/index.ts'
import { openTalos } from '../src/drivers/talos/index.ts'
import { createTalosGuests } from '../src/drivers/talos/sim/index.ts'
import { isConflict } from '../src/engine/errors.ts'
import type { Resources } from '../src/engine/resources.ts'
import { runControllers, type RunOptions, type Running } from '../src/engine/run.ts'
import { reconcileAnnotation } from '../src/engine/status-part.ts'
import type { Log } from '../src/engine/shapes.ts'
import type { NewEvent } from '../src/engine/events.ts'
import { abandonSubresource } from '../src/server/cluster-abandon.ts'
import { openClouds } from '../src/server/ports/clouds.ts'
import { driverErrors } from '../src/server/ports/errors.ts'
import { openSecrets, type Credential, type Secrets } from '../src/server/ports/secrets.ts'
import { talosPort } from '../src/server/ports/talos.ts'
import { openTenants } from '../src/server/ports/tenants.ts'
import { ownersOf, refuseDeletion, validateReferences } from '../src/server/admission.ts'
import { newBundle, signOwn } from '../src/server/signer.ts'
import { openMemoryStore } from '../src/store/memory/memory.ts'
import type { Store } from '../src/store/store.ts'
import { hoppingClock, type HoppingClock } from './hopping-clock.ts'

export const installation = '11111111-aaaa-4aaa-8aaa-111111111111'
const siteName = 'sim'
const releaseName = '2026.4.1'
const project = 'demo'
const operator = 'operator'
const talosVersion = 'v1.13.9'
const password = 'a-password'

export interface WorldOptions {
  readonly shape?: 'tenant' | 'routed'
  readonly latencies?: SimOptions['latencies']
  readonly quota?: ProjectOptions['quota']
  readonly octaviaProviders?: SimOptions['octaviaProviders']
  readonly site?: Partial<SiteSpec>
  readonly controllers?: (ports: Ports) => RunOptions['controllers']
  /** Objects a page of the driver's lists. */
  readonly pageSize?: number
  /** Between two lists, as the driver's option. Default 2 s. */
  readonly pollMs?: number
}

export interface ClusterWish {
  readonly controlPlane?: number
  readonly workers?: number
  readonly machineType?: string
  readonly name?: string
  /** Its Project, which must be there. */
  readonly project?: string
}

export type Snapshot = Awaited<ReturnType<Store['snapshot']>>

type Ask = (method: string, service: string, path: string, body?: unknown) => Promise<{ readonly status: number; readonly body: any }>

export interface World {
  readonly clock: HoppingClock
  readonly cloud: OpenStackSim
  /** As a person; as the site. */
  readonly people: HttpResources
  readonly resources: HttpResources
  readonly secrets: Secrets
  /** What controllers told about objects, and what was logged as a warning or an error. */
  readonly events: readonly NewEvent[]
  readonly complaints: readonly string[]
  /** Begins controllers from nothing, as a new process does. They end with the next start or the world. */
  start(options?: Partial<RunOptions>): Promise<Running>
  stop(): Promise<void>
  /** What the database holds now. */
  snapshot(): Promise<Snapshot>
  /** Ends controllers and API and begins the API anew over what a snapshot held; cloud and sealed secrets are as they are. */
  restore(snapshot: Snapshot): Promise<void>
  isSiteReady(): Promise<boolean>
  makeCluster(wish?: ClusterWish): Promise<Cluster>
  deleteCluster(name?: string): Promise<void>
  /** As an administrator who gives it up. */
  abandonCluster(reason: string, o?: { readonly dryRun?: boolean }): Promise<readonly string[]>
  cluster(name?: string): Promise<Cluster | undefined>
  machines(name?: string): Promise<readonly Machine[]>
  /** Ready with all its machines Running. */
  isReady(name?: string): Promise<boolean>
  isGone(name?: string): Promise<boolean>
  waitReady(name?: string): Promise<void>
  waitGone(name?: string): Promise<void>
  /** Lets time pass until it is so. `withinMs` is by the hopping clock; default one hour. */
  until(isSo: () => Promise<boolean> | boolean, what: string, withinMs?: number): Promise<void>
  /** Lets this much time pass with everything that happens in it. */
  pass(ms: number): Promise<void>
  /** Wakes every object of ours, as a person's change would, and lets the passes end. */
  wakeAll(): Promise<void>
  /** Creating and deleting calls that reached the cloud since the last `forgetCalls`: `compute POST /v2.1/servers` to how many. */
  changes(): Readonly<Record<string, number>>
  forgetCalls(): void
  /** What is in a project of the cloud. */
  inventory(of?: string): Inventory
  /** What is in the project and counts: without kinds that are empty. */
  left(of?: string): Readonly<Record<string, number>>
  /** Every etcd that was ever bootstrapped for the cluster (rule T1). */
  etcdClusterIds(clusterUid: string): Promise<readonly string[]>
  /** The simulated Kubernetes of one of them; undefined: forgotten. */
  tenant(etcdClusterId: string): SimulatedCluster | undefined
  condition(kind: Kind<any>, key: { readonly namespace: string; readonly name: string }, type: string): Promise<Condition | undefined>
  /** The sealed keys of a cluster are gone from the store, as after it was restored; seen by the next start. */
  loseSecrets(clusterUid: string): Promise<void>
  /** Changes the credential that controllers use for the site, or for one Project there; taken by the next start. */
  useCredential(credential: Credential, of?: string): Promise<void>
  /** A token's call to the simulated cloud, as somebody else who works in the same project. */
  asOther: Ask
  /** The same as the cloud's administrator. */
  asOperator: Ask
  close(): Promise<void>
}

const identities: Readonly<Record<string, Identity>> = {
  site: { user: 'site', groups: ['skerry:sites'], writer: 'site' }, people: { user: 'anna', groups: ['skerry:admins'], writer: 'admin' },
}

/** Ticks without work to do after which what is still busy waits for the clock; late ticks say that nobody had a turn. */
const quiet = { tickMs: 6, lateMs: 20, ticks: 8 }

export const passwordOf = (of: string): Credential => ({ password: { username: of, userDomainName: 'Default', password, projectName: of, projectDomainName: 'Default' } }) as Credential

export const openWorld = async (options: WorldOptions = {}): Promise<World> => {
  const { shape = 'tenant' } = options
  const clock = hoppingClock()
  const complaints: string[] = []
  const events: NewEvent[] = []
  const say = (fields: object, message: string): void => { complaints.push(`${message} ${JSON.stringify(fields)}`) }
  const log: Log = { debug: () => {}, info: () => {}, warn: say, error: say }

  // Certificates are of the real time, which is the one that TLS compares them with.
  const realNow = (): Date => new Date()
  const kubernetesSim = createKubernetesSim({ log, now: realNow, after: clock.after, podGraceMs: 0 })
  const guests = createTalosGuests({ kubernetes: kubernetesSim, clock: { now: realNow, after: clock.after } })
  const loopback = `127.${randomInt(100, 250)}.${randomInt(0, 250)}`
  const cloud = await startOpenStackSim({
    shape, guests, clock, latencies: options.latencies ?? 'zero', ...(options.octaviaProviders !== undefined && { octaviaProviders: options.octaviaProviders }), publicCidr: `${loopback}.0/25`, providerCidr: `${loopback}.128/25`,
    projects: [{ name: project, user: project, password, ...(options.quota !== undefined && { quota: options.quota }) }, { name: 'other', user: 'other', password }].map((p) => ({ ...p, roles: ['member', 'reader', 'load-balancer_member'] })).concat({ name: operator, user: operator, password, roles: ['admin'] }),
  })
  cloud.seedImage({ name: `talos-${talosVersion}`, properties: { os_distro: 'talos', os_version: talosVersion } })

  const openStore = (from?: Snapshot): Store => openMemoryStore({ now: () => clock.monotonic(), keep: 20_000, ...(from !== undefined && { from }) })
  const serveApi = () => createApiServer({
    store, kinds, namespaceKind: Project, builtins: ['events'], authenticate: byToken((token) => identities[token]), authorize: () => true, now: () => clock.now(),
    admission: {
      validate: (kind, object, old, read) => validateReferences(kind.kind, object, old, read), owners: (kind, object, read) => ownersOf(kind.kind, object, read),
      refuseDeletion: (kind, object, read) => refuseDeletion(kind.kind, object, read),
    },
    subresources: { 'clusters/abandon': abandonSubresource }, version: { major: '1', minor: '36', gitVersion: 'v1.36.0' }, log, pollMs: 0,
  })
  let store = openStore()
  const { sealed } = store
  let api = await serveApi()
  const server = createServer((request, response) => { api.handle(request, response) })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const [resources, people] = [httpResources({ server: url, token: 'site' }), httpResources({ server: url, token: 'people' })]
  const siteKey = randomBytes(32)
  const openOwnSecrets = (): Secrets => openSecrets(sealed, siteKey, newBundle)
  const secrets = openOwnSecrets()

  const by = { manager: 'people' } as const
  const site = await people.create(Site, { metadata: { name: siteName }, spec: { authUrl: cloud.authUrl, region: cloud.region, egressCIDRs: ['127.0.0.0/8'], publicDefaults: true, shape, ...options.site } }, by)
  await secrets.putCredential(site.metadata.uid, '', passwordOf(project))
  await people.create(Release, { metadata: { name: releaseName }, spec: { talosVersion, kubernetesVersion: 'v1.36.3', installerImage: `ghcr.io/siderolabs/installer:${talosVersion}` } }, by)
  await people.create(Project, { metadata: { name: project }, spec: {} }, by)

  let current: { readonly running: Running; end(): Promise<void> } | undefined
  let starts = 0
  const rejections = openRejections()

  /** Until the engine is idle, or has waited for the clock for a while. */
  const atRest = (running: Running): Promise<void> => new Promise((resolve) => {
    let ticks = 0
    let last = performance.now()
    let calls = cloud.stats.total
    const end = (): void => { clearInterval(timer); resolve() }
    const timer = setInterval(() => {
      const now = performance.now()
      if (cloud.stats.total !== calls) { calls = cloud.stats.total; ticks = 0 } else if (now - last < quiet.lateMs) ticks++
      last = now
      if (ticks >= quiet.ticks) end()
    }, quiet.tickMs)
    void running.whenIdle().then(end)
  })

  /** Ending waits for passes, and passes may wait for the clock. */
  const ended = async (running: Running): Promise<void> => {
    let isEnded = false
    const ending = running.close().finally(() => { isEnded = true })
    while (!isEnded) { await new Promise((r) => setTimeout(r, 2)); if (!isEnded) await clock.advanceToNext(60_000) }
    await ending
  }

  const stop = async (): Promise<void> => {
    const was = current
    current = undefined
    await was?.end()
  }

  const find = async (name: string): Promise<Cluster | undefined> => (await people.list(Cluster)).items.find((c) => c.metadata.name === name)
  const askAs = (name: string): Ask => async (method, service, path, body) => {
    const login = await fetch(`${cloud.authUrl}/auth/tokens`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ auth: { identity: { methods: ['password'], password: { user: { name, domain: { name: 'Default' }, password } } }, scope: { project: { name, domain: { name: 'Default' } } } } }) })
    const token = login.headers.get('x-subject-token') ?? ''
    const answer = await fetch(`${cloud.url}/${service}${path}`, { method, headers: { 'x-auth-token': token, 'content-type': 'application/json', 'openstack-api-version': 'compute 2.79' }, ...(body !== undefined && { body: JSON.stringify(body) }) })
    const text = await answer.text()
    return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
  }
  const wakeNumber = { n: 0 }
  const world: World = {
    clock, cloud, people, resources, secrets, events, complaints, stop,
    snapshot: () => store.snapshot(),
    async restore(snapshot) {
      await stop()
      await api.close()
      store = openStore(snapshot)
      api = await serveApi()
    },
    isSiteReady: async () => isTrue((await people.get(Site, { namespace: '', name: siteName }))!, 'Ready'),
    async start(run = {}) {
      await stop()
      const opened: OpenCloud[] = []
      const talos = openTalos({ log, now: realNow })
      const kubernetes = openKubernetes({ log, clock })
      // A process keeps the bundles that it has read.
      const own = openOwnSecrets()
      const ports: Ports = {
        installation, secrets: own, talos: talosPort(talos), tenants: openTenants(kubernetes, signOwn(own), Date.now), errors: driverErrors,
        clouds: openClouds(own, async (s, credential) => {
          const one = await openCloud({
            auth: { authUrl: s.spec.authUrl, ...credential }, region: s.spec.region, clock, log, rejections, budget: tokenBucket(1e6, 1e6, clock),
            lists: { pollMs: options.pollMs ?? 2_000, gapMs: 50, ...(options.pageSize !== undefined && { pageSize: options.pageSize }) }, loadBalancer: { lookMs: 200 },
          })
          opened.push(one)
          return one
        }),
      }
      const running = await runControllers({
        controllers: (options.controllers ?? allControllers)(ports), resources, leases: store.leases, slot: 'controllers', identity: `p${starts++}`, clock, log,
        random: () => 0.5, events: { emit: (e) => { events.push(e) } }, startSpreadMs: 1_000, ...run,
      })
      current = { running, async end() { await ended(running); await Promise.all([...opened.map((c) => c.close()), talos.close(), kubernetes.close()]) } }
      return running
    },
    async until(isSo, what, withinMs = 3_600_000) {
      const end = clock.monotonic() + withinMs
      for (;;) {
        if (current !== undefined) await atRest(current.running)
        if (await isSo()) return
        if (clock.monotonic() > end) throw new Error(`not within ${withinMs / 1000} s: ${what}\n${await report()}`)
        await clock.advanceToNext()
      }
    },
    async pass(ms) {
      const end = clock.monotonic() + ms
      while (clock.monotonic() < end) {
        if (current !== undefined) await atRest(current.running)
        if (!(await clock.advanceToNext(end - clock.monotonic()))) { await clock.advance(Math.max(0, end - clock.monotonic())); break }
      }
      if (current !== undefined) await atRest(current.running)
    },
    async makeCluster({ controlPlane = 1, workers = 1, machineType = 'b2.c4r8', name = 'first', project: of = project } = {}) {
      if (current !== undefined) await world.until(() => world.isSiteReady(), 'site Ready')
      const cluster = await people.create(Cluster, { metadata: { name, namespace: of }, spec: { site: siteName, release: releaseName, controlPlane: { replicas: controlPlane, machineType } } }, by)
      if (workers > 0) await people.create(NodePool, { metadata: { name: `${name}-workers`, namespace: of }, spec: { cluster: name, replicas: workers, machineType } }, by)
      return cluster
    },
    async deleteCluster(name = 'first') { await people.delete(Cluster, keyOf((await find(name))!), {}) },
    async abandonCluster(reason, o = {}) { return ((await people.post(Cluster, keyOf((await find('first'))!), 'abandon', { spec: { reason, ...o } })) as { status: { left: readonly string[] } }).status.left },
    cluster: (name = 'first') => find(name),
    machines: async (name = 'first') => (await people.list(Machine)).items.filter((m) => m.spec.cluster === name),
    async isReady(name = 'first') {
      const cluster = await world.cluster(name)
      if (cluster === undefined || !isTrue(cluster, 'Ready')) return false
      const pools = (await people.list(NodePool)).items.filter((p) => p.spec.cluster === name)
      const machines = await world.machines(name)
      return machines.length === cluster.spec.controlPlane.replicas + pools.reduce((n, p) => n + p.spec.replicas, 0) && machines.every((m) => m.status?.phase === 'Running')
    },
    async isGone(name = 'first') {
      return (await world.cluster(name)) === undefined && (await world.machines(name)).length === 0 && !(await people.list(NodePool)).items.some((p) => p.spec.cluster === name)
    },
    waitReady: (name) => world.until(() => world.isReady(name), `cluster ${name ?? 'first'} Ready`),
    waitGone: (name) => world.until(() => world.isGone(name), `cluster ${name ?? 'first'} gone`),
    async wakeAll() {
      const annotations = { [reconcileAnnotation]: String(++wakeNumber.n) }
      for (const kind of [Site, Cluster, NodePool, Machine] as readonly Kind<Resource>[])
        for (const o of (await people.list(kind)).items) {
          // With its uid: what went meanwhile is not made anew.
          const wake = (by: Resources) => by.apply(kind, { metadata: { ...keyOf(o), uid: o.metadata.uid, annotations } }, { manager: 'waker' })
          await wake(resources).catch(() => wake(people)).catch((error: unknown) => { if (!isConflict(error)) throw error })
        }
      if (current !== undefined) await atRest(current.running)
    },
    changes: () => Object.fromEntries([...cloud.stats.byRoute].filter(([route]) => !route.startsWith('identity ') && /^\S+ (POST|DELETE|PUT|PATCH) /.test(route))),
    forgetCalls: () => { cloud.stats.reset() },
    inventory: (of = project) => cloud.inventory(of),
    left: (of = project) => Object.fromEntries(Object.entries(cloud.inventory(of).counts).filter(([, n]) => n > 0)),
    async etcdClusterIds(clusterUid) {
      const bundle = await secrets.get(clusterUid)
      return bundle === undefined ? [] : guests.etcdClusterIds(bundle.clusterId)
    },
    tenant: (id) => kubernetesSim.cluster(id),
    async condition(kind, k, type) {
      const o = await people.get(kind, k)
      return o === undefined ? undefined : condition(o as never, type)
    },
    loseSecrets: (uid) => sealed.delete(`bundle/${uid}`),
    useCredential: (credential, of = '') => secrets.putCredential(site.metadata.uid, of, credential),
    asOther: askAs(project),
    asOperator: askAs(operator),
    async close() {
      await stop()
      await Promise.all([resources.close(), people.close()])
      await api.close()
      server.closeAllConnections()
      await new Promise<void>((resolve) => { server.close(() => { resolve() }) })
      guests.close()
      await Promise.all([cloud.close(), kubernetesSim.close()])
      await store.close()
    },
  }

  /** What a test that gave up wants to know. */
  const report = async (): Promise<string> => {
    const lines: string[] = []
    for (const kind of [Site, Cluster, NodePool, Machine] as readonly Kind<Resource>[]) {
      for (const o of (await people.list(kind)).items) {
        lines.push(`${kind.kind} ${o.metadata.name}${o.metadata.deletionTimestamp === undefined ? '' : ` deleting, ${(o.metadata.finalizers ?? []).join(' ')}`}`)
        for (const c of (o.status as { conditions?: readonly Condition[] } | undefined)?.conditions ?? []) lines.push(`  ${c.type} ${c.status} ${c.reason}: ${c.message}`)
      }
    }
    return [...lines, `cloud: ${JSON.stringify(world.left())}`, ...complaints.slice(-15)].join('\n')
  }
  return world
}
