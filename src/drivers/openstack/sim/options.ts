/** What a simulated cloud is made of: its shape, projects, flavors, latencies. Defaults give the cloud most tests want. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { GuestFactory } from './guest.ts'

export interface SimClock {
  now(): Date
  monotonic(): number
  after(ms: number, call: () => void): () => void
}

export const wallClock: SimClock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms)
    return () => { clearTimeout(timer) }
  },
}

export interface QuotaOptions {
  readonly instances?: number; readonly cores?: number; readonly ram?: number; readonly server_groups?: number; readonly server_group_members?: number; readonly key_pairs?: number
  readonly network?: number; readonly subnet?: number; readonly router?: number; readonly port?: number; readonly security_group?: number; readonly security_group_rule?: number; readonly floatingip?: number
  readonly volumes?: number; readonly gigabytes?: number; readonly snapshots?: number
  readonly load_balancer?: number; readonly listener?: number; readonly pool?: number; readonly member?: number; readonly health_monitor?: number
}

/** −1 is "no limit", as in every service. */
export const defaultQuota: Required<QuotaOptions> = {
  instances: 100, cores: 400, ram: 1_638_400, server_groups: 100, server_group_members: 100, key_pairs: 100,
  network: 100, subnet: 100, router: 20, port: 500, security_group: 100, security_group_rule: 1000, floatingip: 100,
  volumes: 200, gigabytes: 20_000, snapshots: 100,
  load_balancer: 50, listener: -1, pool: -1, member: -1, health_monitor: -1,
}

export interface CredentialOptions {
  readonly id?: string
  readonly name: string
  readonly secret: string
  readonly roles?: readonly string[]
  readonly expiresAt?: string
  readonly unrestricted?: boolean
}

export interface ProjectOptions {
  readonly name: string
  readonly id?: string
  readonly user: string
  readonly password: string
  /** Default member and reader. `admin` opens what the services keep to administrators. */
  readonly roles?: readonly string[]
  readonly applicationCredentials?: readonly CredentialOptions[]
  readonly quota?: QuotaOptions
}

export interface FlavorOptions {
  readonly id?: string
  readonly name: string
  readonly vcpus: number
  readonly ramMiB: number
  readonly diskGiB: number
  readonly extraSpecs?: Readonly<Record<string, string>>
}

/** Milliseconds a step takes. */
export interface Latencies {
  readonly serverBuild: number; readonly serverDelete: number; readonly serverReboot: number; readonly serverStop: number
  readonly volumeCreate: number; readonly volumeFromImage: number; readonly volumeDelete: number; readonly volumeAttach: number
  readonly loadBalancerCreate: number; readonly loadBalancerChange: number; readonly loadBalancerDelete: number
  readonly imageSave: number
}

const zero: Latencies = {
  serverBuild: 0, serverDelete: 0, serverReboot: 0, serverStop: 0, volumeCreate: 0, volumeFromImage: 0, volumeDelete: 0, volumeAttach: 0,
  loadBalancerCreate: 0, loadBalancerChange: 0, loadBalancerDelete: 0, imageSave: 0,
}
/** What a middling cloud takes: servers from volumes in some ten seconds, an amphora in a minute. */
const realistic: Latencies = {
  serverBuild: 9000, serverDelete: 5000, serverReboot: 4000, serverStop: 5000, volumeCreate: 1500, volumeFromImage: 8000, volumeDelete: 2500, volumeAttach: 1500,
  loadBalancerCreate: 60_000, loadBalancerChange: 2500, loadBalancerDelete: 9000, imageSave: 1000,
}
/** The OVN provider has no virtual machine to start. */
const ovnCreate = 2500
const ovnParts = 300

export interface HostOptions { readonly count: number; readonly vcpus: number; readonly ramMiB: number; readonly gpuHosts: number; readonly gpusPerHost: number }

export interface SimOptions {
  readonly host?: string
  /** 0: any free one. */
  readonly port?: number
  readonly region?: string
  readonly projects?: readonly ProjectOptions[]
  readonly shape?: 'tenant' | 'routed'
  /** `vendor` stands for any other: here it does what amphora does. */
  readonly octaviaProviders?: readonly ('amphora' | 'ovn' | 'vendor')[]
  readonly flavors?: readonly FlavorOptions[]
  readonly volumeTypes?: readonly string[]
  readonly latencies?: 'zero' | 'realistic' | Partial<Latencies>
  /** Floating IPs: real loopback addresses. */
  readonly publicCidr?: string
  /** The shared provider network's addresses: real loopback addresses. */
  readonly providerCidr?: string
  readonly guests?: GuestFactory
  readonly clock?: SimClock
  /** 0 ≤ x < 1, for faults with a probability and for placement. */
  readonly random?: () => number
  readonly ids?: () => string
  readonly hosts?: Partial<HostOptions>
  readonly tokenLifetimeMs?: number
  /** Every change is appended to it before it is answered; a start with an existing file goes on from there. */
  readonly stateFile?: string
  /** Nova's `max_limit`, which every other service uses too. */
  readonly maxLimit?: number
  /** An address that should answer cannot be listened at: another simulator of this machine has it. */
  readonly addressTaken?: (address: string, cause: Error) => void
}

export interface Settings extends Required<Omit<SimOptions, 'guests' | 'stateFile' | 'latencies' | 'hosts'>> {
  readonly guests: GuestFactory | undefined
  readonly stateFile: string | undefined
  readonly latency: Latencies
  readonly ovnCreate: number
  /** From a balancer of OVN that is ACTIVE to the parts that were made with it. */
  readonly ovnParts: number
  readonly hosts: HostOptions
}

export const defaultFlavors: readonly FlavorOptions[] = [
  { id: 'b2.c2r4', name: 'b2.c2r4', vcpus: 2, ramMiB: 4096, diskGiB: 0 },
  { id: 'b2.c4r8', name: 'b2.c4r8', vcpus: 4, ramMiB: 8192, diskGiB: 0 },
  { id: 'b2.c4r16', name: 'b2.c4r16', vcpus: 4, ramMiB: 16_384, diskGiB: 0 },
  { id: 'l2.c4r8.100', name: 'l2.c4r8.100', vcpus: 4, ramMiB: 8192, diskGiB: 100 },
  { id: 'b2.c8r16.gA2', name: 'b2.c8r16.gA2', vcpus: 8, ramMiB: 16_384, diskGiB: 0, extraSpecs: { 'pci_passthrough:alias': 'a2:1' } },
]

export const settle = (options: SimOptions): Settings => ({
  host: options.host ?? '127.0.0.1',
  port: options.port ?? 0,
  region: options.region ?? 'RegionOne',
  projects: options.projects ?? [{ name: 'demo', user: 'demo', password: 'demo' }],
  shape: options.shape ?? 'tenant',
  octaviaProviders: options.octaviaProviders ?? ['amphora', 'ovn'],
  flavors: options.flavors ?? defaultFlavors,
  volumeTypes: options.volumeTypes ?? ['fast', 'large'],
  latency: options.latencies === 'realistic' ? realistic : { ...zero, ...(typeof options.latencies === 'object' ? options.latencies : {}) },
  ovnCreate: options.latencies === 'realistic' ? ovnCreate : typeof options.latencies === 'object' ? (options.latencies.loadBalancerCreate ?? 0) : 0,
  ovnParts: options.latencies === 'realistic' ? ovnParts : typeof options.latencies === 'object' ? (options.latencies.loadBalancerChange ?? 0) : 0,
  publicCidr: options.publicCidr ?? '127.80.0.0/16',
  providerCidr: options.providerCidr ?? '127.90.0.0/16',
  guests: options.guests,
  clock: options.clock ?? wallClock,
  random: options.random ?? Math.random,
  ids: options.ids ?? randomUUID,
  hosts: { count: 24, vcpus: 4096, ramMiB: 16_777_216, gpuHosts: 4, gpusPerHost: 4, ...options.hosts },
  tokenLifetimeMs: options.tokenLifetimeMs ?? 3_600_000,
  stateFile: options.stateFile,
  maxLimit: options.maxLimit ?? 1000,
  addressTaken: options.addressTaken ?? (() => {}),
})

export const hexId = (): string => randomBytes(16).toString('hex')
