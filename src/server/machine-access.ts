/** `machines/NAME/console` and `machines/NAME/logs`: what a server shows and what its kernel says, asked for on demand (rule T8). */
import { z } from 'zod'
import { Cluster, Machine, Site } from '../api/index.ts'
import { conflict, invalid, unavailable, type Subresource } from '../apiserver/index.ts'
import type { Ports } from '../controllers/ports.ts'
import type { Secrets } from './ports/secrets.ts'

const body = z.object({ spec: z.object({ lines: z.int().min(1).max(1000).default(50) }).prefault({}) })
const linesOf = (name: string, given: unknown): number => {
  const r = body.safeParse(given)
  if (!r.success) throw invalid(Machine, name, [{ field: 'spec.lines', reason: 'FieldValueInvalid', message: 'a number from 1 to 1000' }])
  return r.data.spec.lines
}
const answer = (kind: string, text: string) => ({ apiVersion: 'skerry.dev/v1alpha1', kind, status: { text } })

export const machineSubresources = (secrets: Secrets, ports: Pick<Ports, 'clouds' | 'talos' | 'errors'>): Readonly<Record<string, Subresource>> => {
  const find = (o: Parameters<Subresource>[0]) => {
    const machine = o.object as Machine
    const cluster = o.read.get(Cluster, { namespace: machine.metadata.namespace ?? '', name: machine.spec.cluster })
    if (cluster === undefined) throw conflict(Machine, machine.metadata.name, `its cluster ${machine.spec.cluster} is gone`)
    return { machine, cluster }
  }
  // What a cloud or a node answers to a question of a person is told as it is; the drivers' texts hold no secret.
  const asked = async (what: () => Promise<string>): Promise<string> => { try { return await what() } catch (error) { throw unavailable(ports.errors.describe(error)) } }
  return {
    'machines/console': async (o) => {
      const lines = linesOf(o.object.metadata.name, o.body)
      const { machine, cluster } = find(o)
      const site = o.read.get(Site, { namespace: '', name: cluster.spec.site })
      const serverId = machine.status?.serverId
      if (serverId === undefined || site === undefined) throw conflict(Machine, machine.metadata.name, 'it has no server yet')
      return answer('MachineConsole', await asked(async () => (await ports.clouds.open(site, machine.metadata.namespace ?? '')).cloud.compute.servers.console(serverId, lines)))
    },
    'machines/logs': async (o) => {
      const lines = linesOf(o.object.metadata.name, o.body)
      const { machine, cluster } = find(o)
      const bundle = await secrets.get(cluster.metadata.uid)
      const address = machine.status?.address
      if (bundle === undefined || address === undefined) throw conflict(Machine, machine.metadata.name, 'it has no address yet')
      return answer('MachineLogs', await asked(() => ports.talos.node(cluster, bundle, address).dmesg(lines)))
    },
  }
}
