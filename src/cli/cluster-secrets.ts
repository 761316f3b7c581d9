/** skerry cluster secrets …: the keys of a cluster, encrypted by the platform to keys of yours (rule T7). */
import type { Command } from 'commander'
import { Cluster } from '../api/index.ts'
import { deliver } from './cluster-access.ts'
import { cliError, type Context } from './context.ts'
import { list } from './options.ts'

const recipients = (text: string, before: readonly string[] = []): readonly string[] => {
  const all = list(text, before)
  const bad = all.find((r) => !/^age1[a-z0-9]+$/.test(r))
  if (bad !== undefined) throw cliError(`--recipient ${bad}: a public key of age, which begins with age1 (age-keygen makes one)`, 2)
  return all
}

export const addClusterSecrets = (cluster: Command, context: Context): void => {
  const secrets = cluster.command('secrets').description('the keys of a cluster')
  secrets.command('export').argument('<name>').description('all keys in the form of talosctl gen secrets, encrypted with age; for administrators')
    .requiredOption('--recipient <age1…>', 'public key of age; may stand several times', recipients)
    .option('--output <file>', 'where to; - is standard output')
    .action(async (name: string, o: { recipient: readonly string[]; output?: string }) => {
      const body = { apiVersion: 'skerry.dev/v1alpha1', kind: 'SecretsExportRequest', spec: { recipients: o.recipient } }
      const { status } = (await context.resources().post(Cluster, { namespace: context.namespace(), name }, 'secrets', body)) as { readonly status: { readonly encrypted: string } }
      await deliver(context, o.output, status.encrypted)
    })
}
