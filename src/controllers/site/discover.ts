/** Finds out what a cloud can do: shape, networks, load balancer, flavors, volume types, images (also used before a site is added). */
import type { SiteSpec } from '../../api/site/index.ts'
import type { SiteFound } from '../../api/site/index.ts'
import type { Flavor, Network } from '../../drivers/openstack/cloud.ts'
import type { SiteCloud } from '../ports.ts'
import type { Reason } from '../conditions.ts'
import { balancerTraits } from '../../rules/node-network.ts'

export interface Problem { readonly reason: Reason; readonly message: string }
export interface Discovery { readonly found: SiteFound; readonly flavors: readonly Flavor[]; readonly problems: readonly Problem[] }

const minMicroversion = 79

const choose = (what: string, wanted: string | undefined, candidates: readonly Network[]): { readonly network?: Network; readonly problem?: Problem } => {
  const named = wanted === undefined ? candidates : candidates.filter((n) => n.name === wanted || n.id === wanted)
  if (named.length === 1) return { network: named[0]! }
  if (named.length === 0) return { problem: { reason: 'NetworkMissing', message: wanted === undefined ? `the cloud shows no ${what}` : `the cloud shows no ${what} called ${wanted}` } }
  return { problem: { reason: 'NetworkAmbiguous', message: `the cloud has several candidates for the ${what}: ${named.map((n) => n.name).join(', ')}; name one in the site's spec` } }
}

/** Why security groups would keep nobody out (rule O6): on networks of our own they hold where Neutron has them at all. */
const whyUnguarded = (shape: SiteFound['shape'], extensions: ReadonlySet<string>, provider: Network | undefined): string | undefined => {
  if (!extensions.has('security-group')) return 'Neutron has no security groups (extension security-group), so nobody can be kept from the nodes'
  if (shape === 'routed' && provider?.hasPortSecurity === false) return `network ${provider.name} has port_security_enabled: false, so security groups do not hold there and nobody can be kept from the nodes; the cloud's operator switches it on, or name another network in spec.providerNetwork`
  return undefined
}

export const discover = async (site: SiteCloud, spec: SiteSpec): Promise<Discovery> => {
  const { cloud } = site
  const [identity, flavors, networks, subnets, extensions, types, images, versions, providers] = await Promise.all([
    cloud.identity.describe(), cloud.compute.flavors(), cloud.network.networks.list(), cloud.network.subnets.list(), cloud.network.extensions(), cloud.volume.types(), cloud.image.list(),
    cloud.compute.microversions(), cloud.loadBalancer?.providers() ?? Promise.resolve([]),
  ])
  const problems: Problem[] = []
  const external = choose('external network', spec.externalNetwork, networks.items.filter((n) => n.external && (spec.externalNetwork !== undefined || subnets.items.every((s) => s.networkId !== n.id || !n.shared))))
  const canRoute = extensions.has('router') && external.network !== undefined
  const shape = spec.shape === 'auto' ? (spec.providerNetwork !== undefined && spec.externalNetwork === undefined ? 'routed' : canRoute ? 'tenant' : 'routed') : spec.shape
  const provider = choose('provider network', spec.providerNetwork, networks.items.filter((n) => n.shared && subnets.items.some((s) => s.networkId === n.id)))
  const providerSubnet = provider.network === undefined ? undefined : subnets.items.find((s) => s.networkId === provider.network!.id && s.cidr.includes('.'))
  if (shape === 'tenant' && external.problem !== undefined) problems.push(external.problem)
  if (shape === 'routed' && provider.problem !== undefined) problems.push(provider.problem)
  const unguarded = whyUnguarded(shape, extensions, provider.network)
  if (unguarded !== undefined) problems.push({ reason: 'NetworkUnguarded', message: unguarded })
  const lbProvider = spec.loadBalancerProvider ?? providers.find((p) => balancerTraits(p).allowedCIDRs) ?? providers.find((p) => balancerTraits(p).keepsSource)
  if (spec.loadBalancerProvider !== undefined && !providers.includes(spec.loadBalancerProvider)) problems.push({ reason: 'LoadBalancerMissing', message: `Octavia has no provider ${spec.loadBalancerProvider}; it has ${providers.join(', ') || 'none'}` })
  const minor = Number(versions.max.split('.')[1] ?? 0)
  if (minor < minMicroversion) problems.push({ reason: 'CloudTooOld', message: `Nova speaks up to ${versions.max}; 2.${minMicroversion} is needed` })
  const talos = images.filter((i) => i.properties['os_distro'] === 'talos' && i.status === 'active').map((i) => ({ id: i.id, name: i.name, talosVersion: i.properties['os_version'] ?? '' }))
  if (talos.length === 0) problems.push({ reason: 'ImageMissing', message: 'the cloud has no image with os_distro=talos; upload one: skerry site image add' })
  if (flavors.length === 0) problems.push({ reason: 'MachineTypeMissing', message: 'the project sees no flavor' })
  if (spec.egressCIDRs.length === 0) problems.push({ reason: 'EgressUnknown', message: 'spec.egressCIDRs is empty: say from which addresses Skerry reaches the nodes, so that nobody else can ask their Talos API' })
  return {
    flavors,
    problems,
    found: {
      shape, projectName: identity.projectName, userName: identity.userName, roles: identity.roles.toSorted(), ...(identity.credentialExpiresAt !== undefined && { credentialExpiresAt: identity.credentialExpiresAt }),
      ...(external.network !== undefined && { externalNetwork: { id: external.network.id, name: external.network.name } }),
      ...(provider.network !== undefined && providerSubnet !== undefined && { providerNetwork: { id: provider.network.id, name: provider.network.name, cidr: providerSubnet.cidr, subnetId: providerSubnet.id } }),
      ...(shape === 'tenant' && lbProvider !== undefined && { loadBalancer: { provider: lbProvider, ...balancerTraits(lbProvider) } }),
      volumeTypes: types.map((t) => t.name).toSorted(), images: talos.toSorted((a, b) => a.name.localeCompare(b.name) || a.id.localeCompare(b.id)), microversion: versions.max,
    },
  }
}
