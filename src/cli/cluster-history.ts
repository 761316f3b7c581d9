/** skerry cluster events, support-bundle: what happened, and all that somebody who helps needs to know. */
import type { Command } from 'commander'
import { Cluster, Machine, NodePool } from '../api/index.ts'
import type { Resource } from '../api/meta/index.ts'
import { deliver } from './cluster-access.ts'
import { cliError, type Context } from './context.ts'
import { objectText, tableText } from './output.ts'

type Event = Resource & { readonly lastTimestamp?: string; readonly type?: string; readonly reason?: string; readonly message?: string; readonly count?: number; readonly involvedObject?: { readonly kind?: string; readonly name?: string } }

interface History { readonly cluster: Cluster | undefined; readonly pools: readonly NodePool[]; readonly machines: readonly Machine[]; readonly events: readonly Event[] }

/** A cluster, what belongs to it, and their events in order. Events outlive the cluster. */
const historyOf = async (context: Context, name: string): Promise<History> => {
  const r = context.resources()
  const namespace = context.namespace()
  const [cluster, pools, machines, all] = await Promise.all([
    r.get(Cluster, { namespace, name }), r.list(NodePool, { namespace, fieldSelector: `spec.cluster=${name}` }), r.list(Machine, { namespace, fieldSelector: `spec.cluster=${name}` }),
    r.request({ method: 'GET', path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/events` }) as Promise<{ readonly items: readonly Event[] }>,
  ])
  const names = new Set([name, ...machines.items.map((m) => m.metadata.name), ...pools.items.map((p) => p.metadata.name)])
  const at = (e: Event): string => e.lastTimestamp ?? e.metadata.creationTimestamp
  return { cluster, pools: pools.items, machines: machines.items, events: all.items.filter((e) => names.has(e.involvedObject?.name ?? '')).toSorted((a, b) => at(a).localeCompare(at(b))) }
}

const eventRow = (e: Event): readonly string[] => [
  e.lastTimestamp ?? '', e.type ?? '', e.reason ?? '', `${(e.involvedObject?.kind ?? '').toLowerCase()}/${e.involvedObject?.name ?? ''}`, `${e.message ?? ''}${(e.count ?? 1) > 1 ? ` (${e.count} times)` : ''}`,
]

export const addClusterHistory = (cluster: Command, context: Context): void => {
  cluster.command('events').argument('<name>').description('what happened to a cluster, its pools and machines')
    .action(async (name: string) => {
      const { cluster: there, events } = await historyOf(context, name)
      if (there === undefined && events.length === 0) throw cliError(`there is no cluster ${name} in project ${context.namespace()}`, 3)
      if (events.length === 0) context.terminal.err(`no events of cluster ${name}`)
      else context.terminal.out(tableText(events.map(eventRow)))
    })
  cluster.command('support-bundle').argument('<name>').description('objects and events for somebody who helps; holds no secret').option('--output <file>', 'where to; - is standard output')
    .action(async (name: string, o: { output?: string }) => {
      const { cluster: there, pools, machines, events } = await historyOf(context, name)
      if (there === undefined) throw cliError(`there is no cluster ${name} in project ${context.namespace()}`, 3)
      const head = `# support bundle of cluster ${name}, project ${context.namespace()}, ${context.now().toISOString()}\n`
      await deliver(context, o.output, `${head}${[there, ...pools, ...machines, ...events].map((x) => objectText(x, 'yaml')).join('\n---\n')}\n`)
    })
}
