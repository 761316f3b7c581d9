/** skerry cluster …: look at, follow; what is longer has a file of its own. */
import type { Command } from 'commander'
import { Cluster } from '../api/index.ts'
import { addClusterAccess } from './cluster-access.ts'
import { addClusterCreate } from './cluster-create.ts'
import { addClusterDelete } from './cluster-delete.ts'
import { addClusterHistory } from './cluster-history.ts'
import { addClusterSecrets } from './cluster-secrets.ts'
import type { Context } from './context.ts'
import { integer, output } from './options.ts'
import { print, type Format } from './output.ts'
import { follow } from './progress.ts'

export const addCluster = (program: Command, context: Context): void => {
  const cluster = program.command('cluster').description('Kubernetes clusters of a project')
  addClusterCreate(cluster, context)
  output(cluster.command('list').alias('ls').description('clusters of the project').option('-A, --all-namespaces', 'of all projects'))
    .action((o: { output: Format; allNamespaces?: boolean }) => print(context, Cluster, o.output, { allNamespaces: o.allNamespaces === true }))
  output(cluster.command('get').argument('<name>').description('one cluster')).action((name: string, o: { output: Format }) => print(context, Cluster, o.output, { name }))
  cluster.command('watch').argument('<name>').description('follow a cluster until it is Ready').option('--timeout <seconds>', 'how long', integer, 1800)
    .action(async (name: string, o: { timeout: number }) => { await follow(context, context.namespace(), name, 'ready', o.timeout) })
  addClusterDelete(cluster, context)
  addClusterAccess(cluster, context)
  addClusterSecrets(cluster, context)
  addClusterHistory(cluster, context)
}
