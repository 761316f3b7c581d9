/** skerry cluster delete: a cluster with all that was made for it; or, given up, without touching the cloud (rule O9). */
import type { Command } from 'commander'
import { Cluster } from '../api/index.ts'
import { cliError, type Context } from './context.ts'
import { integer, writer } from './options.ts'
import { follow } from './progress.ts'

interface DeleteOptions { readonly yes?: boolean; readonly abandon?: boolean; readonly reason?: string; readonly dryRun?: boolean; readonly wait: boolean; readonly timeout: number }

const unanswered = 'say --yes where nobody can be asked'

const untilGone = async (context: Context, namespace: string, name: string, o: DeleteOptions, isWhat: string): Promise<void> => {
  if (!o.wait) { context.terminal.err(`cluster ${name} is ${isWhat}`); return }
  const seconds = await follow(context, namespace, name, 'gone', o.timeout)
  context.terminal.err(`cluster ${name} is gone after ${seconds.toFixed(1)} s`)
}

const deleteWhole = async (context: Context, { metadata: { uid, name } }: Cluster, o: DeleteOptions): Promise<void> => {
  const namespace = context.namespace()
  if (o.yes !== true && !(await context.confirm(`Delete cluster ${name} of project ${namespace} with all its machines and volumes?`))) throw cliError(`not deleted; ${unanswered}`)
  // Of the one that was looked at, not of one that took its name since.
  await context.resources().delete(Cluster, { namespace, name }, { ...writer, uid })
  await untilGone(context, namespace, name, o, 'being deleted')
}

interface Abandonment { readonly status: { readonly left: readonly string[]; readonly projectId?: string; readonly site: string } }

const abandon = async (context: Context, { metadata: { name, uid } }: Cluster, reason: string, o: DeleteOptions): Promise<void> => {
  const namespace = context.namespace()
  const ask = async (dryRun: boolean) =>
    ((await context.resources().post(Cluster, { namespace, name }, 'abandon', { apiVersion: 'skerry.dev/v1alpha1', kind: 'AbandonRequest', spec: { uid, reason, dryRun } })) as Abandonment).status
  const show = ({ left, projectId, site }: Abandonment['status']): void => {
    context.terminal.out(left.length === 0 ? `nothing was made for cluster ${name} at site ${site}` : `left behind in project ${projectId ?? 'unknown'} of site ${site}:\n${left.map((l) => `  ${l}`).join('\n')}`)
  }
  const before = await ask(true)
  show(before)
  if (o.dryRun === true) return
  if (o.yes !== true && !(await context.confirm(`Abandon cluster ${name} of project ${namespace}? Skerry forgets it and deletes nothing of the above, now or later.`))) throw cliError(`not abandoned; ${unanswered}`)
  const after = await ask(false)
  // It lives until it is abandoned: more may have been made since.
  if (after.left.join() !== before.left.join()) show(after)
  await untilGone(context, namespace, name, o, 'abandoned')
}

const deleteCluster = async (context: Context, name: string, o: DeleteOptions): Promise<void> => {
  if (o.abandon === true && o.reason === undefined) throw cliError('--abandon needs --reason TEXT: it stands in the events and in the audit', 2)
  if (o.abandon !== true && (o.reason !== undefined || o.dryRun === true)) throw cliError(`${o.dryRun === true ? '--dry-run' : '--reason'}: only with --abandon`, 2)
  const there = await context.resources().get(Cluster, { namespace: context.namespace(), name })
  if (there === undefined) throw cliError(`there is no cluster ${name} in project ${context.namespace()}`, 3)
  return o.abandon === true ? abandon(context, there, o.reason!, o) : deleteWhole(context, there, o)
}

export const addClusterDelete = (cluster: Command, context: Context): void => {
  cluster.command('delete').argument('<name>').description('delete a cluster with everything that was made for it')
    .option('--yes', 'do not ask').option('--no-wait', 'do not wait until it is gone').option('--timeout <seconds>', 'how long to wait', integer, 1800)
    .option('--abandon', 'forget it and leave in the cloud what was made for it; for administrators')
    .option('--reason <text>', 'why it is abandoned')
    .option('--dry-run', 'with --abandon: print what would be left behind and do nothing')
    .action((name: string, o: DeleteOptions) => deleteCluster(context, name, o))
}
