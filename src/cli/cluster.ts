/** skerry cluster …: look at, follow, end; what is longer has a file of its own. */
import type { Command } from 'commander'
import { Cluster } from '../api/index.ts'
import { addClusterAccess } from './cluster-access.ts'
import { addClusterCreate } from './cluster-create.ts'
import { addClusterHistory } from './cluster-history.ts'
import { addClusterSecrets } from './cluster-secrets.ts'
import { cliError, type Context } from './context.ts'
import { integer, output, writer } from './options.ts'
import { print, type Format } from './output.ts'
import { follow } from './progress.ts'

const deleteCluster = async (context: Context, name: string, o: { readonly yes?: boolean; readonly wait: boolean; readonly timeout: number }): Promise<void> => {
  const namespace = context.namespace()
  const there = await context.resources().get(Cluster, { namespace, name })
  if (there === undefined) throw cliError(`there is no cluster ${name} in project ${namespace}`, 3)
  if (o.yes !== true && !(await context.confirm(`Delete cluster ${name} of project ${namespace} with all its machines and volumes?`))) throw cliError('not deleted; say --yes where nobody can be asked')
  // Of the one that was looked at, not of one that took its name since.
  await context.resources().delete(Cluster, { namespace, name }, { ...writer, uid: there.metadata.uid })
  if (!o.wait) { context.terminal.err(`cluster ${name} is being deleted`); return }
  const seconds = await follow(context, namespace, name, 'gone', o.timeout)
  context.terminal.err(`cluster ${name} is gone after ${seconds.toFixed(1)} s`)
}

export const addCluster = (program: Command, context: Context): void => {
  const cluster = program.command('cluster').description('Kubernetes clusters of a project')
  addClusterCreate(cluster, context)
  output(cluster.command('list').alias('ls').description('clusters of the project').option('-A, --all-namespaces', 'of all projects'))
    .action((o: { output: Format; allNamespaces?: boolean }) => print(context, Cluster, o.output, { allNamespaces: o.allNamespaces === true }))
  output(cluster.command('get').argument('<name>').description('one cluster')).action((name: string, o: { output: Format }) => print(context, Cluster, o.output, { name }))
  cluster.command('watch').argument('<name>').description('follow a cluster until it is Ready').option('--timeout <seconds>', 'how long', integer, 1800)
    .action(async (name: string, o: { timeout: number }) => { await follow(context, context.namespace(), name, 'ready', o.timeout) })
  cluster.command('delete').argument('<name>').description('delete a cluster with everything that was made for it')
    .option('--yes', 'do not ask').option('--no-wait', 'do not wait until it is gone').option('--timeout <seconds>', 'how long to wait', integer, 1800)
    .action((name: string, o: { yes?: boolean; wait: boolean; timeout: number }) => deleteCluster(context, name, o))
  addClusterAccess(cluster, context)
  addClusterSecrets(cluster, context)
  addClusterHistory(cluster, context)
}
