/** skerry cluster secrets …: the keys of a cluster, encrypted by the platform to keys of yours, and back (rule T7). */
import { armor, Decrypter } from 'age-encryption'
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

/** The keys of age in a file as age-keygen writes it. */
const identitiesIn = (file: string, text: string): readonly string[] => {
  const all = text.split('\n').map((l) => l.trim()).filter((l) => /^AGE-SECRET-KEY-[A-Z0-9-]+$/.test(l))
  if (all.length === 0) throw cliError(`${file}: no secret key of age in it (AGE-SECRET-KEY-…, as age-keygen writes it)`, 2)
  return all
}

const decrypted = async (file: string, text: string, identityFile: string, identities: readonly string[]): Promise<string> => {
  let sealed: Uint8Array
  try { sealed = armor.decode(text.trim()) } catch { throw cliError(`${file}: is not encrypted with age, as skerry cluster secrets export writes it`, 2) }
  const decrypter = new Decrypter()
  try { for (const i of identities) decrypter.addIdentity(i) } catch { throw cliError(`${identityFile}: holds a secret key of age that is not whole`, 2) }
  try { return await decrypter.decrypt(sealed, 'text') } catch { throw cliError(`${file}: cannot be opened with ${identityFile}; it was encrypted to other keys, or is damaged`) }
}

const importSecrets = async (context: Context, name: string, file: string, identityFile: string): Promise<void> => {
  const identities = identitiesIn(identityFile, await context.files.read(identityFile))
  const bundle = await decrypted(file, await context.files.read(file), identityFile, identities)
  const body = { apiVersion: 'skerry.dev/v1alpha1', kind: 'SecretsImportRequest', spec: { bundle } }
  const { status } = (await context.resources().post(Cluster, { namespace: context.namespace(), name }, 'secrets', body)) as { readonly status: { readonly authority: string; readonly wasThere: boolean } }
  context.terminal.err(status.wasThere ? `cluster ${name} has these keys already (Kubernetes CA ${status.authority})` : `the keys of cluster ${name} are back (Kubernetes CA ${status.authority})`)
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
  secrets.command('import').argument('<name>').argument('<file>', 'what export wrote; - is standard input').description('give a cluster its keys back when the platform has lost them; never overwrites others; for administrators')
    .requiredOption('--identity <file>', 'secret key of age that opens it')
    .action((name: string, file: string, o: { identity: string }) => importSecrets(context, name, file, o.identity))
}
