/** skerry pool …: machines of one type in a cluster. */
import type { Command } from 'commander'
import { NodePool } from '../api/index.ts'
import { cliError, type Context } from './context.ts'
import { integer, list, output, pairs, writer } from './options.ts'
import { print, type Format } from './output.ts'

interface CreateOptions { readonly cluster: string; readonly machineType: string; readonly replicas: number; readonly label?: readonly string[]; readonly taint?: readonly string[]; readonly volumeType?: string; readonly volumeSize?: number }

/** KEY[=VALUE]:EFFECT, as kubectl writes it. */
const taint = (text: string): object => {
  const m = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text)
  if (m === null) throw cliError(`--taint ${text}: KEY[=VALUE]:EFFECT, where EFFECT is NoSchedule, PreferNoSchedule or NoExecute`, 2)
  return { key: m[1], ...(m[2] !== undefined && { value: m[2] }), effect: m[3] }
}

const createPool = async (context: Context, name: string, o: CreateOptions): Promise<void> => {
  await context.resources().create(NodePool, { metadata: { name, namespace: context.namespace() }, spec: {
    cluster: o.cluster, machineType: o.machineType, replicas: o.replicas, labels: pairs('--label', o.label), ...(o.taint !== undefined && { taints: o.taint.map(taint) }),
    rootVolume: { ...(o.volumeType !== undefined && { type: o.volumeType }), ...(o.volumeSize !== undefined && { sizeGiB: o.volumeSize }) },
  } }, writer)
  context.terminal.err(`pool ${name} created`)
}

const scalePool = async (context: Context, name: string, replicas: number): Promise<void> => {
  const namespace = context.namespace()
  await context.resources().request({ method: 'PATCH', path: `/apis/skerry.dev/v1alpha1/namespaces/${encodeURIComponent(namespace)}/nodepools/${encodeURIComponent(name)}`, query: { fieldManager: writer.manager }, contentType: 'application/merge-patch+json', body: { spec: { replicas } } })
  context.terminal.err(`pool ${name} wants ${replicas} machine${replicas === 1 ? '' : 's'}`)
}

const deletePool = async (context: Context, name: string, o: { readonly yes?: boolean }): Promise<void> => {
  const key = { namespace: context.namespace(), name }
  const there = await context.resources().get(NodePool, key)
  if (there === undefined) throw cliError(`there is no pool ${name} in project ${key.namespace}`, 3)
  if (o.yes !== true && !(await context.confirm(`Delete pool ${name} of cluster ${there.spec.cluster} with all its machines?`))) throw cliError('not deleted; say --yes where nobody can be asked')
  await context.resources().delete(NodePool, key, { ...writer, uid: there.metadata.uid })
  context.terminal.err(`pool ${name} is being deleted`)
}

export const addPool = (program: Command, context: Context): void => {
  const pool = program.command('pool').description('node pools of clusters')
  pool.command('create').argument('<name>').description('make a pool')
    .requiredOption('--cluster <cluster>', 'of which cluster')
    .requiredOption('--machine-type <type>', 'flavor')
    .option('--replicas <n>', 'machines', integer, 1)
    .option('--label <key=value>', 'of the nodes; may stand several times', list)
    .option('--taint <key=value:effect>', 'of the nodes; may stand several times', list)
    .option('--volume-type <type>', 'of root volumes')
    .option('--volume-size <GiB>', 'of root volumes', integer)
    .action((name: string, o: CreateOptions) => createPool(context, name, o))
  output(pool.command('list').alias('ls').description('pools of the project').option('--cluster <cluster>', 'of one cluster').option('-A, --all-namespaces', 'of all projects'))
    .action((o: { output: Format; cluster?: string; allNamespaces?: boolean }) => print(context, NodePool, o.output, { allNamespaces: o.allNamespaces === true, ...(o.cluster !== undefined && { fieldSelector: `spec.cluster=${o.cluster}` }) }))
  output(pool.command('get').argument('<name>').description('one pool')).action((name: string, o: { output: Format }) => print(context, NodePool, o.output, { name }))
  pool.command('scale').argument('<name>').argument('<replicas>', 'machines', integer).description('change how many machines a pool has').action((name: string, replicas: number) => scalePool(context, name, replicas))
  pool.command('delete').argument('<name>').description('delete a pool with its machines').option('--yes', 'do not ask').action((name: string, o: { yes?: boolean }) => deletePool(context, name, o))
}
