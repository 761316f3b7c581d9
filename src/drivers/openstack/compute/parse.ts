/** Nova's answers at 2.79, as we use them. API reference: docs.openstack.org/api-ref/compute. */
import type { Flavor, Server, ServerGroup } from '../cloud.ts'
import { ofGroupName, ofMetadata } from '../marks.ts'
import { createdAt, id, number, object, objects, strings, text, texts, textOrNull, type Json } from '../transport/json.ts'

/** A server of a cell that Nova cannot reach has an id, a status UNKNOWN and little else. */
export const toServer = (o: Json): Server => {
  const mark = ofMetadata(object(o['metadata']))
  const fault = object(o['fault'])
  return {
    id: id(o), name: text(o['name']), ...(mark !== undefined && { mark }), ...createdAt(o['created']),
    status: text(o['status']), taskState: textOrNull(o['OS-EXT-STS:task_state']), powerState: number(o['OS-EXT-STS:power_state']), hostId: text(o['hostId']),
    // From 2.47 on the flavor is embedded and has a name instead of an id.
    flavor: text(object(o['flavor'])['original_name']),
    addresses: Object.entries(object(o['addresses'])).flatMap(([network, list]) => objects(list)
      .filter((a) => a['OS-EXT-IPS:type'] !== 'floating')
      .map((a) => ({ network, address: text(a['addr']), mac: text(a['OS-EXT-IPS-MAC:mac_addr']) }))),
    ...(text(fault['message']) !== '' && { fault: { code: number(fault['code']), message: text(fault['message']) } }),
    volumeIds: objects(o['os-extended-volumes:volumes_attached']).map((v) => text(v['id'])),
  }
}

export const toServerGroup = (o: Json): ServerGroup => {
  const mark = ofGroupName(text(o['name']))
  return { id: id(o), name: text(o['name']), ...(mark !== undefined && { mark }), policy: text(o['policy']), members: texts(o['members']) }
}

export const toFlavor = (o: Json): Flavor => ({
  id: id(o), name: text(o['name']), vcpus: number(o['vcpus']), ramMiB: number(o['ram']), diskGiB: number(o['disk']), extraSpecs: strings(o['extra_specs']),
})
