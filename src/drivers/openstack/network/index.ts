/** Neutron: networks, subnets, routers, ports, security groups, floating IPs, quotas. */
import type { Cloud, Collection, FloatingIp, Marked, Network, Port, PortSpec, Quota, Router, SecurityGroup, SecurityGroupRuleSpec, Subnet, SubnetSpec } from '../cloud.ts'
import { openCollection, type Listers } from '../collection.ts'
import { isAlreadyExists, isConflict, isInvalid, isNotFound, openstackError } from '../errors.ts'
import { descriptionOf, nameOf } from '../marks.ts'
import type { Client } from '../transport/client.ts'
import { number, object, objects, text, type Json } from '../transport/json.ts'
import { allPages } from '../transport/pages.ts'
import { toFloatingIp, toNetwork, toPort, toRouter, toSecurityGroup, toSubnet } from './parse.ts'

const service = 'network'
const quotas = ['network', 'subnet', 'router', 'port', 'security_group', 'security_group_rule', 'floatingip'] as const

export const openNetwork = (client: Client, listers: Listers): Cloud['network'] => {
  let known: Promise<ReadonlySet<string>> | undefined
  const extensions = (): Promise<ReadonlySet<string>> => {
    known ??= client.json({ service, path: '/extensions' }).then((a) => new Set(objects(a['extensions']).map((e) => text(e['alias']))), (error: unknown) => { known = undefined; throw error })
    return known
  }

  /**
   * `key` is the object's in bodies; the list's is its plural, and the path has hyphens instead of underlines. `extension`: Neutron
   * without it, as where all is routed, has no such objects and answers 404 for their list.
   */
  const collection = <T extends Marked, Spec>(key: string, read: (o: Json) => T, fields: (spec: Spec) => object, extension?: string): Collection<T, Spec> => {
    const keys = `${key}s`
    const isThere = async (): Promise<boolean> => extension === undefined || (await extensions()).has(extension)
    const path = `/${keys.replaceAll('_', '-')}`
    return openCollection<T, Spec>(listers, {
    // By id: a page's marker is then the only thing that a change can take away.
    fetch: async (background) => ((await isThere()) ? await allPages(client, { service, path, key: keys, query: { sort_key: 'id', sort_dir: 'asc' }, limitMs: 60_000, ...(background && { priority: 'background' }) }) : []).map(read),
    get: async (objectId) => {
      const answer = await client.find({ service, path: `${path}/${objectId}` })
      return answer === undefined ? undefined : read(object(answer[key]))
    },
    // Neutron takes no tags in a POST, and a second call could fail: the description carries the mark.
    create: (spec, mark, signal) => client.create({ service, path, body: { [key]: { ...(key !== 'floatingip' && { name: nameOf(mark) }), description: descriptionOf(mark), ...fields(spec) } }, signal }, (a) => read(object(a[key]))),
    delete: (objectId) => client.remove({ service, path: `${path}/${objectId}` }),
    })
  }

  const networks = collection<Network, Record<never, never>>('network', toNetwork, () => ({}))
  const subnets = collection<Subnet, SubnetSpec>('subnet', toSubnet, (s) => ({
    network_id: s.networkId, cidr: s.cidr, ip_version: s.cidr.includes(':') ? 6 : 4, dns_nameservers: s.dnsServers, enable_dhcp: true, ...(s.allocationPools !== undefined && { allocation_pools: s.allocationPools }),
  }))
  const routers = collection<Router, { readonly externalNetworkId: string }>('router', toRouter, (s) => ({ external_gateway_info: { network_id: s.externalNetworkId } }), 'router')
  const ports = collection<Port, PortSpec>('port', toPort, (s) => ({
    network_id: s.networkId, security_groups: s.securityGroupIds,
    ...(s.fixedIps !== undefined && { fixed_ips: s.fixedIps.map((f) => ({ subnet_id: f.subnetId, ...(f.address !== undefined && { ip_address: f.address }) })) }),
    ...(s.allowedAddressPairs !== undefined && s.allowedAddressPairs.length > 0 && { allowed_address_pairs: s.allowedAddressPairs.map((a) => ({ ip_address: a })) }),
  }))
  const securityGroups = collection<SecurityGroup, Record<never, never>>('security_group', toSecurityGroup, () => ({}))
  const floatingIps = collection<FloatingIp, { readonly externalNetworkId: string }>('floatingip', toFloatingIp, (s) => ({ floating_network_id: s.externalNetworkId }), 'router')

  const portsOf = async (filter: Readonly<Record<string, string>>): Promise<readonly Json[]> => objects((await client.json({ service, path: '/ports', query: new URLSearchParams(filter).toString() }))['ports'])
  const isAttached = async (routerId: string, subnetId: string): Promise<boolean> =>
    (await portsOf({ device_id: routerId, fixed_ips: `subnet_id=${subnetId}` })).some((p) => objects(p['fixed_ips']).some((f) => f['subnet_id'] === subnetId))

  return {
    networks, subnets, ports,
    routers: {
      ...routers,
      delete: async (routerId) => {
        // A refused deletion costs the router its gateway (seen with 2025.1): what is in use is not asked for.
        const left = (await portsOf({ device_id: routerId })).filter((p) => text(p['device_owner']).includes('router_interface')).map((p) => text(p['id']))
        if (left.length > 0) throw openstackError({ kind: 'conflict', service, status: 0, type: 'RouterInUse' }, `router ${routerId} is attached through ${left.join(', ')}: detach it first`)
        await routers.delete(routerId)
      },
      addInterface: async (routerId, subnetId) => {
        try {
          await client.send({ service, method: 'PUT', once: true, path: `/routers/${routerId}/add_router_interface`, body: { subnet_id: subnetId } })
        } catch (error) {
          // 400 when the router has the subnet, 409 when two of these calls meet or the gateway's address is another's.
          if (!(isConflict(error) || isInvalid(error)) || !(await isAttached(routerId, subnetId))) throw error
        }
      },
      removeInterface: async (routerId, subnetId) => {
        try { await client.send({ service, method: 'PUT', once: true, path: `/routers/${routerId}/remove_router_interface`, body: { subnet_id: subnetId } }) } catch (error) { if (!isNotFound(error)) throw error }
      },
    },
    securityGroups: {
      ...securityGroups,
      addRule: async (groupId, rule: SecurityGroupRuleSpec, mark) => {
        const body = { security_group_rule: {
          security_group_id: groupId, direction: rule.direction, ethertype: rule.etherType, protocol: rule.protocol, port_range_min: rule.portMin, port_range_max: rule.portMax,
          remote_ip_prefix: rule.remoteCidr, remote_group_id: rule.remoteGroupId, description: descriptionOf(mark),
        } }
        try { await client.create({ service, path: '/security-group-rules', body }, () => undefined) } catch (error) { if (!isAlreadyExists(error)) throw error }
      },
      removeRule: (ruleId) => client.remove({ service, path: `/security-group-rules/${ruleId}` }),
    },
    floatingIps: { ...floatingIps, bind: (floatingIpId, portId) => client.send({ service, method: 'PUT', path: `/floatingips/${floatingIpId}`, body: { floatingip: { port_id: portId } } }) },
    extensions,
    quota: async () => {
      const { projectId } = await client.session()
      const q = object((await client.json({ service, path: `/quotas/${projectId}/details` }))['quota'])
      return Object.fromEntries(quotas.map((k): [string, Quota] => [k, { limit: number(object(q[k])['limit']), used: number(object(q[k])['used']) + number(object(q[k])['reserved']) }])) as Record<(typeof quotas)[number], Quota>
    },
  }
}
