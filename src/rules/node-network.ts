/** Who gets which address of a cluster's own network (tenant shape), and who may talk to its nodes (rule O6). */
import { nth, parseCidr } from '../api/meta/cidr.ts'

const network = (cidr: string) => parseCidr(cidr) ?? (() => { throw new Error(`not a network: ${cidr}`) })()

/** The load balancer's address: outside the allocation pool, so that we may choose it (rule O5). */
export const vipAddress = (cidr: string): string => nth(network(cidr), 5)
/** The address of a control-plane slot, its own for the cluster's life (rule T4). */
export const slotAddress = (cidr: string, slot: number): string => nth(network(cidr), 10 + slot)
/** What Neutron may hand out to workers. */
export const allocationPool = (cidr: string): { readonly start: string; readonly end: string } => ({ start: nth(network(cidr), 20), end: nth(network(cidr), -2) })

export interface Ingress { readonly protocol: 'tcp' | null; readonly port: number | null; readonly cidr?: string; readonly fromNodes?: true }

export interface EndpointPolicy {
  readonly allowedCIDRs: readonly string[]
  readonly egressCIDRs: readonly string[]
  readonly nodeCidr: string | undefined
  /** Whether the balancer itself keeps strangers out (amphora); then its subnet is all that nodes see. */
  readonly balancerFilters: boolean
}

/** Rules of the group that every node has: everything among the cluster's nodes, nothing else. */
export const nodeIngress = (): readonly Ingress[] => [{ protocol: null, port: null, fromNodes: true }]

/** Rules of the control-plane group. */
export const controlPlaneIngress = (p: EndpointPolicy): readonly Ingress[] => {
  const everybody = p.allowedCIDRs.length === 0
  const people = p.balancerFilters ? [] : everybody ? ['0.0.0.0/0'] : [...p.allowedCIDRs, ...p.egressCIDRs]
  const own = p.nodeCidr === undefined ? [] : [p.nodeCidr]
  const to = (port: number, cidrs: readonly string[]): Ingress[] => [...new Set(cidrs)].toSorted().map((cidr) => ({ protocol: 'tcp', port, cidr }))
  return [...to(6443, [...people, ...own]), ...to(50000, [...(p.balancerFilters ? [] : p.egressCIDRs), ...own])]
}

/** What the balancer's listeners admit, where it can (amphora); null: no list. */
export const listenerCidrs = (p: EndpointPolicy, port: 6443 | 50000): readonly string[] | null => {
  if (!p.balancerFilters) return null
  if (port === 6443 && p.allowedCIDRs.length === 0) return null
  const own = p.nodeCidr === undefined ? [] : [p.nodeCidr]
  return [...new Set([...(port === 6443 ? p.allowedCIDRs : []), ...p.egressCIDRs, ...own])].toSorted()
}

/** What an Octavia provider does about strangers: amphora filters, OVN keeps the source address; of others nothing is known. */
export const balancerTraits = (provider: string): { readonly allowedCIDRs: boolean; readonly keepsSource: boolean } =>
  ({ allowedCIDRs: ['amphora', 'octavia', 'amphorav2'].includes(provider), keepsSource: provider === 'ovn' })

/** Why nobody could be kept from the ports behind this balancer; the Talos port has a list always, so an empty list of the cluster's is no way out. */
export const whyNotEnforceable = (site: string, balancer: { readonly provider: string; readonly allowedCIDRs: boolean; readonly keepsSource?: boolean } | undefined): string | undefined =>
  (balancer === undefined || balancer.allowedCIDRs || balancer.keepsSource !== false ? undefined
    : `load balancer provider ${balancer.provider} of site ${site} neither filters nor is known to keep the source address, so no list of who may reach the cluster can be enforced; use spec.endpoint.kind: nodes, or let the site's operator choose the provider amphora or ovn`)
