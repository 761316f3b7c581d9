/** Nova, microversion 2.79. */
import type { Cloud, Flavor, Server, ServerGroup, ServerSpec } from './cloud.ts'
import { listAll, openCollection } from './collection.ts'
import { detailsOf } from './errors.ts'
import type { ListerOptions } from './lister.ts'
import { asMetadata, fromGroupName, fromMetadata, groupName } from './marks.ts'
import type { Transport } from './transport.ts'

const marked = <M>(mark: M | undefined): { readonly mark?: M } => (mark === undefined ? {} : { mark })

const server = (s: any): Server => ({
  id: s.id, name: s.name ?? '', ...marked(fromMetadata(s.metadata)), ...(s.created !== undefined && { createdAt: s.created }), status: s.status ?? 'UNKNOWN', taskState: s['OS-EXT-STS:task_state'] ?? null,
  powerState: s['OS-EXT-STS:power_state'] ?? 0, hostId: s.hostId ?? '', flavor: s.flavor?.original_name ?? s.flavor?.id ?? '',
  addresses: Object.entries((s.addresses ?? {}) as Record<string, { addr: string; 'OS-EXT-IPS-MAC:mac_addr': string; 'OS-EXT-IPS:type'?: string }[]>)
    .flatMap(([network, list]) => list.filter((a) => a['OS-EXT-IPS:type'] !== 'floating').map((a) => ({ network, address: a.addr, mac: a['OS-EXT-IPS-MAC:mac_addr'] ?? '' }))),
  ...(s.fault !== undefined && { fault: { code: s.fault.code ?? 0, message: String(s.fault.message ?? '').slice(0, 1000) } }),
  volumeIds: ((s['os-extended-volumes:volumes_attached'] ?? []) as { id: string }[]).map((v) => v.id),
})
const flavor = (f: any): Flavor => ({ id: f.id, name: f.name, vcpus: f.vcpus, ramMiB: f.ram, diskGiB: f.disk, extraSpecs: f.extra_specs ?? {} })
const quota = (limit: number, used: number) => ({ limit, used })

export const openCompute = (t: Transport, lister: ListerOptions): Cloud['compute'] => {
  const servers = openCollection<Server, ServerSpec>(t, {
    service: 'compute', path: '/servers', listPath: '/servers/detail', one: 'server', many: 'servers', timeoutMs: 28_000,
    parse: server,
    body: (spec, mark) => ({
      server: {
        name: spec.name, flavorRef: spec.flavorId, networks: [{ port: spec.portId }], user_data: spec.userData, config_drive: true, metadata: asMetadata(mark),
        ...(spec.rootVolumeId !== undefined ? { block_device_mapping_v2: [{ boot_index: 0, uuid: spec.rootVolumeId, source_type: 'volume', destination_type: 'volume', delete_on_termination: false }] } : { imageRef: spec.imageId }),
        ...(spec.availabilityZone !== undefined && { availability_zone: spec.availabilityZone }),
      },
      ...(spec.serverGroupId !== undefined && { 'os:scheduler_hints': { group: spec.serverGroupId } }),
    }),
  }, lister)
  const action = async (id: string, body: object): Promise<any> => (await t.call('compute', { method: 'POST', path: `/servers/${encodeURIComponent(id)}/action`, body })).body
  return {
    servers: {
      ...servers,
      // The answer to a create has the id and little else.
      create: async (spec, mark, signal) => ({ ...(await servers.create(spec, mark, signal)), name: spec.name, mark, status: 'BUILD' }),
      forceDelete: async (id) => { try { await action(id, { forceDelete: null }) } catch (error) { if (detailsOf(error)?.code !== 404) throw error } },
      rebootHard: async (id) => { await action(id, { reboot: { type: 'HARD' } }) },
      console: async (id, lines) => String((await action(id, { 'os-getConsoleOutput': { length: lines } }))?.output ?? '').slice(-100_000),
    },
    serverGroups: openCollection<ServerGroup, { readonly policy: 'anti-affinity' | 'soft-anti-affinity' }>(t, {
      service: 'compute', path: '/os-server-groups', one: 'server_group', many: 'server_groups',
      parse: (g) => ({ id: g.id, name: g.name, ...marked(fromGroupName(g.name)), policy: g.policy ?? g.policies?.[0] ?? '', members: g.members ?? [] }),
      body: (spec, mark) => ({ server_group: { name: groupName(mark), policy: spec.policy } }),
    }, lister),
    flavors: async () => (await listAll(t, 'compute', '/flavors/detail', 'flavors')).map(flavor),
    quota: async () => {
      const a = (await t.call('compute', { method: 'GET', path: '/limits' })).body.limits.absolute
      return { instances: quota(a.maxTotalInstances, a.totalInstancesUsed), cores: quota(a.maxTotalCores, a.totalCoresUsed), ramMiB: quota(a.maxTotalRAMSize, a.totalRAMUsed) }
    },
    microversions: async () => {
      const { body } = await t.call('compute', { method: 'GET', path: '/' })
      const v = body.version ?? body.versions?.find((x: { status: string }) => x.status === 'CURRENT')
      return { min: v?.min_version ?? '2.1', max: v?.version ?? '2.1' }
    },
  }
}
