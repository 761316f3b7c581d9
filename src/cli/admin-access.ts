/** skerry admin certificate, bootstrap: who may come in, and the administrator that an installation begins with (rule A4). */
import type { Command } from 'commander'
import { ClientCertificate, ClusterAccessGrant } from '../api/index.ts'
import type { Kind, Resource } from '../api/meta/index.ts'
import { sign } from './certificate.ts'
import { cliError, type Context } from './context.ts'
import { newKeyAndRequest } from './csr.ts'
import { integer, list, output, writer } from './options.ts'
import { print, type Format } from './output.ts'
import { platformKubeconfig, serverOf } from './platform-kubeconfig.ts'

/** As `serve` made it when there was no administrator. */
const bootstrapGrant = 'bootstrap-administrator'

const removeOne = async (context: Context, kind: Kind<any>, name: string, isNotThere: string): Promise<void> => {
  const there = await context.resources().get<Resource>(kind, { namespace: '', name })
  if (there === undefined) throw cliError(isNotThere, 3)
  await context.resources().delete(kind, { namespace: '', name }, { ...writer, uid: there.metadata.uid })
}

interface Issue { readonly user?: string; readonly group?: readonly string[]; readonly renewableDays: number; readonly csr?: string; readonly output: string }

const issue = async (context: Context, name: string, o: Issue): Promise<void> => {
  const user = o.user ?? name
  const csr = o.csr === undefined ? undefined : await context.files.read(o.csr)
  await context.resources().create(ClientCertificate, { metadata: { name }, spec: { user, groups: o.group ?? [], renewableDays: o.renewableDays } }, writer)
  const made = csr === undefined ? await newKeyAndRequest('P-256') : undefined
  try {
    const answer = await sign(context, name, csr ?? made!.csr)
    const { text } = await context.kubeconfig()
    const kubeconfig = platformKubeconfig(serverOf(text), user, answer, made === undefined ? { file: o.csr!.replace(/(\.csr)?$/, '.key') } : { pem: made.key })
    if (o.output === '-') context.terminal.out(kubeconfig.trimEnd())
    else await context.files.writePrivate(o.output, kubeconfig)
    context.terminal.err(`${o.output === '-' ? '' : `wrote ${o.output}; `}valid until ${answer.expiresAt}, renewed with skerry certificate renew for ${o.renewableDays} days`)
  } catch (error) {
    // A request that cannot be signed leaves nothing behind.
    await context.resources().delete(ClientCertificate, { namespace: '', name }, writer)
    throw error
  }
}

export const addAdminAccess = (admin: Command, context: Context): void => {
  const certificate = admin.command('certificate').description('who may come in, by a certificate of a day that they renew')
  certificate.command('issue').argument('<name>').description('let somebody in; roles are given with skerry access grant')
    .option('--csr <file>', 'their request, from skerry certificate request; without it their key is made here and written too')
    .option('--user <user>', 'whom it names; the name when absent')
    .option('--group <group>', 'a group that they are in; may stand several times', list)
    .option('--renewable-days <days>', 'for how long they may renew by themselves', integer, 90)
    .requiredOption('--output <file>', 'the kubeconfig; - is standard output')
    .action((name: string, o: Issue) => issue(context, name, o))
  output(certificate.command('list').alias('ls').description('who may come in')).action((o: { output: Format }) => print(context, ClientCertificate, o.output, {}))
  certificate.command('revoke').argument('<name>').description('every certificate that was signed for it is refused from now on').action(async (name: string) => {
    await removeOne(context, ClientCertificate, name, `there is no certificate ${name}`)
    context.terminal.err(`revoked ${name}`)
  })
  const bootstrap = admin.command('bootstrap').description('the administrator that an installation begins with')
  bootstrap.command('disable').description('take its role away, once there is another administrator').action(async () => {
    await removeOne(context, ClusterAccessGrant, bootstrapGrant, 'it is disabled already')
    context.terminal.err('the bootstrap administrator may do nothing any more; skerry admin bootstrap enable on the machine brings it back')
  })
  bootstrap.command('enable').description('give it back, in the database itself: for the owner of the machine when nobody else can; the audit says so')
    .requiredOption('--reason <text>', 'for the audit').option('--database <url>', 'postgres://…; else SKERRY_DATABASE_URL, else the one of --state').option('--state <directory>', 'of serve; else SKERRY_STATE, .skerry')
    .action(async (o: { reason: string; database?: string; state?: string }) => {
      if (!(await context.database.enableBootstrap({ url: o.database, state: o.state }, o.reason))) throw cliError('it is enabled', 1)
      context.terminal.err('the bootstrap administrator is one again; its kubeconfig is the one that serve keeps in its state folder')
    })
}
