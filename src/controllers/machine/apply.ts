/** One small idempotent function a step. */
import type { Machine } from '../../api/index.ts'
import type { ApplyContext } from '../../engine/shapes.ts'
import { makeEach, objectOf } from '../outside.ts'
import type { Ports } from '../ports.ts'
import { secretsOf } from '../secrets.ts'
import { requestOf, type Asked } from './asked.ts'
import { configOf } from './config.ts'
import type { Observed, Seen } from './observe.ts'
import type { Step } from './plan.ts'
import { serverRole } from './role.ts'

const timeoutMs = 20_000

const consoleToEvent = async (s: Seen, serverId: string, context: ApplyContext): Promise<void> => {
  try {
    const tail = await s.siteCloud.cloud.compute.servers.console(serverId, 50)
    if (tail.trim() !== '') context.event('Warning', 'Console', tail.slice(-1000))
  } catch (error) {
    context.log.debug({ error: String(error) }, 'no console')
  }
}

export const apply = (ports: Ports, asked: Asked) => async (step: Step, s: Observed, machine: Machine, context: ApplyContext): Promise<void> => {
  if (s.kind !== 'seen') return
  const { cloud } = s.siteCloud
  const infrastructure = s.cluster.status?.infrastructure
  const groupIds = [infrastructure?.nodeGroupId].filter((g) => g !== undefined)
  const tenant = infrastructure?.shape === 'tenant'
  const creating = (what: string, call: (signal: AbortSignal) => Promise<unknown>) => context.creating(`${what} of ${machine.metadata.name}`, timeoutMs, call)
  const changing = (what: string, call: () => Promise<unknown>) => context.changing(`${what} of ${machine.metadata.name}`, timeoutMs, call)
  const remove = async (what: string, id: string, call: () => Promise<unknown>, isForced = false): Promise<void> => {
    await changing(`delete ${what}`, call)
    asked.note(requestOf(id, isForced), context.now)
  }
  const tenantApi = async () => {
    const secrets = await secretsOf(ports, s.cluster)
    return ports.tenants.open(s.cluster, secrets)
  }
  /** Who is still there; undefined: nobody could be asked. That is tried again for as long as the pods have; then the machine goes without. */
  const evict = async () => {
    try {
      const api = await tenantApi()
      await api.cordon(machine.metadata.name)
      return await api.evict(machine.metadata.name)
    } catch (error) {
      context.event('Warning', 'Draining', `its pods cannot be asked to leave: ${ports.errors.describe(error)}`)
      return undefined
    }
  }
  switch (step.kind) {
    case 'intend': await context.record({ ...recordedFields(machine), intents: { ...machine.status?.intents, ...Object.fromEntries(step.roles.map((r) => [r, context.now.toISOString()])) } }); return
    case 'create-port': await makeEach([['port', () => creating('port', (signal) => cloud.network.ports.create({
      networkId: (tenant ? infrastructure?.networkId : s.site.status!.found!.providerNetwork?.id)!, securityGroupIds: groupIds,
      ...(tenant && { fixedIps: [{ subnetId: infrastructure!.subnetId! }], allowedAddressPairs: s.cluster.spec.network.pods }),
    }, s.mark('node'), signal))]], ['volume']); return
    case 'create-volume': await makeEach([['volume', () => creating('root volume', (signal) => cloud.volume.volumes.create({
      sizeGiB: machine.spec.rootVolume.sizeGiB, imageId: s.image!, ...(machine.spec.rootVolume.type !== undefined && { type: machine.spec.rootVolume.type }),
    }, s.mark('root'), signal))]]); return
    case 'create-server': await makeEach([['server', async () => {
      const secrets = await secretsOf(ports, s.cluster)
      const userData = ports.talos.packUserData(ports.talos.renderMachineConfig(configOf(s, secrets))).base64
      const volume = objectOf(s.volume)
      await creating('server', (signal) => cloud.compute.servers.create({
        name: machine.metadata.name, flavorId: s.type!.spec.flavorId, portId: objectOf(s.port)!.id, userData,
        ...(volume !== undefined ? { rootVolumeId: volume.id } : { imageId: s.image! }),
        ...(machine.spec.role === 'controlplane' && infrastructure?.serverGroupId !== undefined && { serverGroupId: infrastructure.serverGroupId }),
      }, s.mark(serverRole(machine.spec.role, s.cluster.metadata.uid)), signal))
    }]]); return
    case 'hard-reboot':
      await consoleToEvent(s, step.serverId, context)
      await context.record({ ...recordedFields(machine), hardReboots: step.count })
      await changing('hard reboot', () => cloud.compute.servers.rebootHard(step.serverId))
      context.event('Warning', 'BootTimeout', `no first contact in time; hard reboot ${step.count}`)
      return
    case 'give-up':
      await consoleToEvent(s, step.serverId, context)
      context.event('Warning', 'ServerError', `${step.why}; the server is deleted`)
      await context.record({ ...recordedFields(machine), failures: (machine.status?.failures ?? 0) + 1, fault: step.why.slice(0, 1000), hardReboots: 0, gaveUp: { serverId: step.serverId, at: context.now.toISOString() } })
      await remove('server', step.serverId, () => cloud.compute.servers.delete(step.serverId))
      return
    case 'name-node': await (await tenantApi()).patchNode(step.node, { spec: { providerID: step.providerId }, metadata: { labels: { 'topology.kubernetes.io/region': s.cluster.spec.site, 'topology.kubernetes.io/zone': s.cluster.spec.site } } }); return
    case 'start-drain': await context.record({ ...recordedFields(machine), drainStartedAt: context.now.toISOString() }); return
    case 'drain': {
      const left = await evict()
      if (left === undefined) return
      if (left.length === 0) await context.record({ ...recordedFields(machine), drainStartedAt: machine.status?.drainStartedAt ?? context.now.toISOString(), drainedAt: context.now.toISOString() })
      else context.event('Normal', 'Draining', `still there: ${left.slice(0, 5).map((p) => `${p.pod} (${p.why})`).join(', ')}`)
      return
    }
    case 'end-drain': await context.record({ ...recordedFields(machine), drainedAt: context.now.toISOString() }); return
    case 'delete-server': await remove('server', step.id, () => (step.force ? cloud.compute.servers.forceDelete(step.id) : cloud.compute.servers.delete(step.id)), step.force); break
    case 'delete-node':
      // The plan says what it waits for; an API that is out of reach is not the cloud's fault.
      await tenantApi().then((api) => api.delete({ apiVersion: 'v1', kind: 'Node', name: step.node })).catch((error: unknown) => { context.log.warn({ error: ports.errors.describe(error) }, 'a Node could not be deleted') })
      return
    case 'delete-port': await changing('delete port', () => cloud.network.ports.delete(step.id)); break
    case 'delete-volume': await remove('volume', step.id, () => cloud.volume.volumes.delete(step.id)); break
  }
  if (step.isDouble === true) context.duplicate(step.kind.slice('delete-'.length))
}

/** Everything of the status but conditions and the engine's own. */
const recordedFields = (m: Machine): Record<string, unknown> => {
  const { conditions: _, observed: __, ...rest } = (m.status ?? {}) as Record<string, unknown>
  return rest
}
