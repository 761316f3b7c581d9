/** Nova: servers, server groups, flavors, limits. */
import type { Cloud, Quota, Server, ServerGroup, ServerSpec } from '../cloud.ts'
import { openCollection, type Listers } from '../collection.ts'
import { isNotFound, openstackError } from '../errors.ts'
import { groupNameOf, metadataOf } from '../marks.ts'
import { microversion, type Client, type Wish } from '../transport/client.ts'
import { id, number, object, text, type Json } from '../transport/json.ts'
import { allOffsets, allPages } from '../transport/pages.ts'
import { toFlavor, toServer, toServerGroup } from './parse.ts'

const service = 'compute'

const minor = (version: string): number => Number(/^2\.(\d+)$/.exec(version)?.[1] ?? -1)

const newServer = (spec: ServerSpec, mark: Parameters<typeof metadataOf>[0]): object => {
  if ((spec.imageId === undefined) === (spec.rootVolumeId === undefined)) throw openstackError({ kind: 'invalid', service, status: 0, type: 'ServerSpec' }, `server ${spec.name}: exactly one of imageId and rootVolumeId`)
  if (Buffer.byteLength(spec.userData) > 65_535) throw openstackError({ kind: 'invalid', service, status: 0, type: 'ServerSpec' }, `server ${spec.name}: user data over 65,535 bytes`)
  return {
    server: {
      name: spec.name, flavorRef: spec.flavorId, networks: [{ port: spec.portId }], config_drive: true, metadata: metadataOf(mark),
      ...(spec.userData !== '' && { user_data: spec.userData }),
      ...(spec.imageId !== undefined && { imageRef: spec.imageId }),
      // The volume outlives the server: it is deleted when nothing can write to it any more (rules O7, O8).
      ...(spec.rootVolumeId !== undefined && { block_device_mapping_v2: [{ boot_index: 0, uuid: spec.rootVolumeId, source_type: 'volume', destination_type: 'volume', delete_on_termination: false }] }),
      ...(spec.availabilityZone !== undefined && { availability_zone: spec.availabilityZone }),
    },
    ...(spec.serverGroupId !== undefined && { 'os:scheduler_hints': { group: spec.serverGroupId } }),
  }
}

export const openCompute = (client: Client, listers: Listers): Cloud['compute'] => {
  const microversions = async (): Promise<{ readonly min: string; readonly max: string }> => {
    const v = object((await client.json({ service, path: '/', bare: true }))['version'])
    return { min: text(v['min_version']), max: text(v['version']) }
  }
  /** Asked once; a failure is asked again. */
  let checked: Promise<void> | undefined
  const check = async (): Promise<void> => {
    const { min, max } = await microversions()
    if (minor(max) < minor(microversion) || minor(min) > minor(microversion))
      throw openstackError({ kind: 'unsupported', service, status: 0, type: 'CloudTooOld' }, `Nova of this cloud speaks ${min || '2.0'} to ${max || '2.0'}; Skerry needs ${microversion} (OpenStack Train or later)`)
  }
  const ready = async (): Promise<Client> => {
    checked ??= check().catch((error: unknown) => { checked = undefined; throw error })
    await checked
    return client
  }
  const act = async (serverId: string, action: object, more: Partial<Wish> = {}): Promise<void> => (await ready()).send({ service, method: 'POST', path: `/servers/${serverId}/action`, body: action, ...more })

  const servers = openCollection<Server, ServerSpec>(listers, {
    fetch: async (background) => (await allPages(await ready(), { service, path: '/servers/detail', key: 'servers', limitMs: 60_000, ...(background && { priority: 'background' }) })).map(toServer),
    get: async (serverId) => {
      const answer = await (await ready()).find({ service, path: `/servers/${serverId}` })
      return answer === undefined ? undefined : toServer(object(answer['server']))
    },
    create: async (spec, mark, signal) => {
      const body = newServer(spec, mark)
      // Nova answers with the id only.
      return (await ready()).create({ service, path: '/servers', body, signal }, (answer): Server => ({
        id: id(object(answer['server'])), name: spec.name, mark, createdAt: client.clock.now().toISOString(), status: 'BUILD', taskState: 'scheduling', powerState: 0, hostId: '', flavor: '', addresses: [],
        volumeIds: spec.rootVolumeId === undefined ? [] : [spec.rootVolumeId],
      }))
    },
    delete: async (serverId) => (await ready()).remove({ service, path: `/servers/${serverId}` }),
  })

  const serverGroups = openCollection<ServerGroup, { readonly policy: 'anti-affinity' | 'soft-anti-affinity' }>(listers, {
    fetch: async (background) => (await allOffsets(await ready(), { service, path: '/os-server-groups', key: 'server_groups', ...(background && { priority: 'background' }) })).map(toServerGroup),
    get: async (groupId) => {
      const answer = await (await ready()).find({ service, path: `/os-server-groups/${groupId}` })
      return answer === undefined ? undefined : toServerGroup(object(answer['server_group']))
    },
    create: async ({ policy }, mark, signal) => (await ready()).create({ service, path: '/os-server-groups', body: { server_group: { name: groupNameOf(mark), policy } }, signal }, (a) => toServerGroup(object(a['server_group']))),
    delete: async (groupId) => (await ready()).remove({ service, path: `/os-server-groups/${groupId}` }),
  })

  const quota = (limits: Json, limit: string, used: string): Quota => ({ limit: number(limits[limit]), used: number(limits[used]) })
  return {
    servers: {
      ...servers,
      forceDelete: async (serverId) => {
        try { await act(serverId, { forceDelete: null }) } catch (error) {
          // Gone is what was wanted.
          if (!isNotFound(error)) throw error
        }
      },
      rebootHard: (serverId) => act(serverId, { reboot: { type: 'HARD' } }),
      console: async (serverId, lines) => text((await (await ready()).json({ service, method: 'POST', path: `/servers/${serverId}/action`, body: { 'os-getConsoleOutput': { length: lines } } }))['output']),
    },
    serverGroups,
    flavors: async () => (await allPages(await ready(), { service, path: '/flavors/detail', key: 'flavors' })).map(toFlavor),
    quota: async () => {
      const limits = object(object((await (await ready()).json({ service, path: '/limits' }))['limits'])['absolute'])
      return { instances: quota(limits, 'maxTotalInstances', 'totalInstancesUsed'), cores: quota(limits, 'maxTotalCores', 'totalCoresUsed'), ramMiB: quota(limits, 'maxTotalRAMSize', 'totalRAMUsed'), serverGroups: quota(limits, 'maxServerGroups', 'totalServerGroupsUsed') }
    },
    microversions,
  }
}
