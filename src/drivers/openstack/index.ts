/** Opens one project of one cloud with one credential. */
import type { Dispatcher } from 'undici'
import { openBudget, systemClock, type Budget, type Clock, type Priority } from './budget.ts'
import type { Cloud, Collection, Marked } from './cloud.ts'
import type { Listers } from './collection.ts'
import { openCompute } from './compute/index.ts'
import type { Service } from './errors.ts'
import { openIdentity } from './identity/index.ts'
import { openImage } from './image/index.ts'
import { openLoadBalancer } from './load-balancer/index.ts'
import { openNetwork } from './network/index.ts'
import type { Interface } from './transport/catalogue.ts'
import { defaultTimeouts, openClient, type Client, type Log, type Timeouts } from './transport/client.ts'
import { openDispatcher, openHttp } from './transport/http.ts'
import { openTokens, processRejections, type Auth, type Rejections } from './transport/token.ts'
import { openVolume } from './volume/index.ts'

export interface CloudOptions {
  readonly auth: Auth
  readonly region?: string | undefined
  /** Default public. */
  readonly interface?: Interface | undefined
  /** PEM; beside the system's authorities nothing else is trusted. */
  readonly caCertificate?: string | undefined
  /** Instead of the catalogue's addresses. */
  readonly endpoints?: Readonly<Partial<Record<Service, string>>>
  /** Of undici; the caller's to close. Default: one of its own with `caCertificate`. */
  readonly dispatcher?: Dispatcher | undefined
  readonly clock?: Clock
  readonly log?: Log
  /** Shared by all credentials of the cloud. Default: 50 calls a second, bursts of 100. */
  readonly budget?: Budget
  readonly timeouts?: Partial<Timeouts>
  /** Default: one for the process, so that opening again does not log in again (rule O4). */
  readonly rejections?: Rejections
  readonly random?: () => number
  /** How often lists are read (rule E4), see lister.ts. */
  readonly lists?: { readonly pollMs?: number; readonly gapMs?: number; readonly idleMs?: number; readonly interestMs?: number; readonly pageSize?: number }
  /** How a load balancer that is being changed is waited for. */
  readonly loadBalancer?: { readonly lookMs?: number; readonly patienceMs?: number }
}

export interface OpenCloud extends Cloud {
  /** The same cloud, listers and token; calls go before others of the budget. */
  as(priority: Priority): Cloud
  /** Whether the catalogue, which comes with each token, still offers what it did; otherwise the cloud is to be opened anew. */
  isCurrent(): Promise<boolean>
  /** Ends listers and connections. */
  close(): Promise<void>
}

const quiet: Log = { debug: () => undefined, warn: () => undefined }

/** Logs in; throws CredentialRejected, and `unsupported` when the catalogue lacks what every cluster needs. */
export const openCloud = async (options: CloudOptions): Promise<OpenCloud> => {
  const { auth, clock = systemClock, log = quiet, random = Math.random, rejections = processRejections } = options
  const timeouts = { ...defaultTimeouts, ...options.timeouts }
  const own = options.dispatcher === undefined ? openDispatcher({ ...(options.caCertificate !== undefined && { caCertificate: options.caCertificate }), connections: 16, connectMs: timeouts.connectMs }) : undefined
  const send = openHttp(options.dispatcher ?? own!, clock)
  const tokens = openTokens({ auth, send, clock, limitMs: timeouts.callMs, rejections })
  const where = { ...(options.region !== undefined && { region: options.region }), interface: options.interface ?? 'public', endpoints: options.endpoints ?? {}, authUrl: auth.authUrl }
  const client = openClient({ send, tokens, where, budget: options.budget ?? openBudget({ clock, perSecond: 50, burst: 100 }), clock, timeouts, random, log, pageSize: options.lists?.pageSize ?? 1000 })

  const closes: (() => void)[] = []
  const listers: Listers = { clock, ...options.lists, opened: (close) => closes.push(close), failed: (error) => { log.warn({ error: error instanceof Error ? error.message : String(error) }, 'cloud list failed') } }
  const balancing = { lookMs: options.loadBalancer?.lookMs ?? 1_000, patienceMs: options.loadBalancer?.patienceMs ?? 20_000 }

  const close = async (): Promise<void> => { for (const c of closes) c(); await own?.close() }
  try {
    for (const service of ['compute', 'network', 'volume', 'image'] as const) await client.address(service)
    const hasBalancer = await client.has('load-balancer')
    const cloud: Cloud = {
      identity: openIdentity(client), compute: openCompute(client, listers), network: openNetwork(client, listers), volume: openVolume(client, listers), image: openImage(client),
      ...(hasBalancer && { loadBalancer: openLoadBalancer(client, listers, balancing) }),
    }
    return { ...cloud, isCurrent: async () => (await client.has('load-balancer')) === hasBalancer, as: (priority) => withPriority(cloud, client.as(priority), listers), close }
  } catch (error) { await close(); throw error }
}

/** Calls of another priority over the same listers. Load balancers stay as they are: their calls go one after another for all. */
const withPriority = (cloud: Cloud, client: Client, listers: Listers): Cloud => {
  const none: Listers = { ...listers, opened: () => undefined }
  return {
    ...cloud, identity: openIdentity(client), image: openImage(client),
    compute: sharing(openCompute(client, none), cloud.compute), network: sharing(openNetwork(client, none), cloud.network), volume: sharing(openVolume(client, none), cloud.volume),
  }
}
const sharing = <T extends object>(mine: T, shared: T): T => Object.fromEntries(Object.entries(mine).map(([key, value]: [string, unknown]) => {
  if (typeof value !== 'object' || value === null || !('onChange' in value)) return [key, value]
  const { list, onChange } = shared[key as keyof T] as Pick<Collection<Marked, never>, 'list' | 'onChange'>
  return [key, { ...value, list, onChange }]
})) as T

export * from './errors.ts'
export { openBudget, tokenBucket, type Budget, type Priority } from './budget.ts'
export { openRejections, type Auth, type Rejections } from './transport/token.ts'
export { view, confirmGone, type View } from './unseen.ts'
export { readCloudsYaml, type CloudsEntry } from './clouds-yaml.ts'
export { nameOf } from './marks.ts'
