/** What the contract suite is given: one cloud to prove things on, and what it needs to know of it. */
import type { CloudOptions, OpenCloud } from '../../src/drivers/openstack/index.ts'

export interface Subject {
  readonly cloud: OpenCloud
  /** The same project again, with other options. */
  again(options?: Partial<CloudOptions>): Promise<OpenCloud>
  /** Logs in with a wrong password, once. */
  refused(options: Partial<CloudOptions>): Promise<OpenCloud>
  /** Small, at least 2 vCPUs, no local disk: it boots from volumes. */
  readonly flavorId: string
  /** At least 2 vCPUs, with a local disk: it boots from images. */
  readonly diskFlavorId: string
  /** Larger than any host. */
  readonly hugeFlavorId: string
  /** Bootable and small. */
  readonly imageId: string
  readonly rootGiB: number
  readonly externalNetworkId: string
  /** Shared, with a subnet; servers attach directly. */
  readonly providerNetworkId?: string
  readonly loadBalancerProviders: readonly ('amphora' | 'ovn')[]
  /** Another project, where these quotas hold: cores 1, floating IPs 0, gigabytes 1, load balancers 0. It sees the same images, flavors and external network. */
  readonly poor: OpenCloud
  /** A call that the driver does not make, e.g. to make an application credential. */
  raw(service: 'identity' | 'compute', method: string, path: string, body?: object): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }>
  readonly userId: string
  /** The cloud keeps deleted servers for a while. */
  readonly softDelete?: (on: boolean) => void
  /** How long a server, a volume or a load balancer may take. */
  readonly patienceMs: number
  close(): Promise<void>
}

export type Connect = () => Promise<Subject>
