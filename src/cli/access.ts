/** skerry access …: who has which role in a project, or over the whole installation. */
import type { Command } from 'commander'
import { AccessGrant, ClusterAccessGrant } from '../api/index.ts'
import { clusterRoles, projectRoles, type Subject } from '../api/access-grant/index.ts'
import type { Kind, Resource } from '../api/meta/index.ts'
import { isConflict } from '../engine/errors.ts'
import { cliError, type Context } from './context.ts'
import { list, writer } from './options.ts'
import { tableText } from './output.ts'

interface Who { readonly user?: readonly string[]; readonly group?: readonly string[] }
type Grant = Resource<{ readonly role: string; readonly subjects: readonly Subject[] }>

const subjectsOf = (o: Who): readonly Subject[] => {
  const subjects = [...(o.user ?? []).map((name) => ({ kind: 'User', name }) as const), ...(o.group ?? []).map((name) => ({ kind: 'Group', name }) as const)]
  if (subjects.length === 0) throw cliError('who? --user NAME or --group NAME', 2)
  return subjects
}
const isSame = (a: Subject) => (b: Subject): boolean => a.kind === b.kind && a.name === b.name

/** The kind follows from the role. */
const placeOf = (context: Context, role: string): { readonly kind: Kind<any>; readonly namespace: string; readonly where: string } => {
  if ((projectRoles as readonly string[]).includes(role)) return { kind: AccessGrant, namespace: context.namespace(), where: `project ${context.namespace()}` }
  if ((clusterRoles as readonly string[]).includes(role)) return { kind: ClusterAccessGrant, namespace: '', where: 'the whole installation' }
  throw cliError(`${role}: ${projectRoles.join(', ')} in a project, or ${clusterRoles.join(', ')} over the installation`, 2)
}

const grant = async (context: Context, role: string, o: Who): Promise<void> => {
  const subjects = subjectsOf(o)
  const { kind, namespace, where } = placeOf(context, role)
  await context.resources().create<Grant>(kind, { metadata: { generateName: `${role}-`, ...(namespace !== '' && { namespace }) } as never, spec: { role, subjects } }, writer)
  context.terminal.err(`${subjects.map((s) => s.name).join(', ')}: ${role} of ${where}`)
}

/** Out of one grant; the grant goes with its last subject. false: somebody changed it meanwhile. */
const take = async (context: Context, kind: Kind<any>, g: Grant, subjects: readonly Subject[]): Promise<boolean> => {
  const left = g.spec.subjects.filter((s) => !subjects.some(isSame(s)))
  const { name, namespace = '', uid, resourceVersion } = g.metadata
  try {
    if (left.length === 0) await context.resources().delete<Grant>(kind, { namespace, name }, { ...writer, uid, resourceVersion })
    else await context.resources().update<Grant>(kind, { ...g, spec: { ...g.spec, subjects: left } }, writer)
    return true
  } catch (error) {
    if (isConflict(error)) return false
    throw error
  }
}

const revoke = async (context: Context, role: string, o: Who): Promise<void> => {
  const subjects = subjectsOf(o)
  const { kind, namespace, where } = placeOf(context, role)
  let taken = 0
  for (let tries = 0; tries < 5; tries++) {
    const { items } = await context.resources().list<Grant>(kind, namespace === '' ? {} : { namespace })
    const concerned = items.filter((g) => g.spec.role === role && g.spec.subjects.some((s) => subjects.some(isSame(s))))
    if (concerned.length === 0) {
      if (taken === 0) throw cliError(`${subjects.map((s) => s.name).join(', ')}: not ${role} of ${where}`, 3)
      context.terminal.err(`${subjects.map((s) => s.name).join(', ')}: not ${role} of ${where} any more`)
      return
    }
    for (const g of concerned) if (await take(context, kind, g, subjects)) taken++
  }
  throw cliError('somebody else is changing these grants; try again')
}

const show = async (context: Context, isEverywhere: boolean): Promise<void> => {
  const { items } = isEverywhere ? await context.resources().list<Grant>(ClusterAccessGrant as Kind<any>) : await context.resources().list<Grant>(AccessGrant as Kind<any>, { namespace: context.namespace() })
  const rows = items.flatMap((g) => g.spec.subjects.map((s) => [s.kind, s.name, g.spec.role, g.metadata.name]))
  if (rows.length === 0) context.terminal.err('nobody')
  else context.terminal.out(tableText([['KIND', 'NAME', 'ROLE', 'GRANT'], ...rows]))
}

export const addAccess = (program: Command, context: Context): void => {
  const access = program.command('access').description('who has which role')
  access.command('list').alias('ls').description('who has a role in the project').option('--everywhere', 'over the whole installation').action((o: { everywhere?: boolean }) => show(context, o.everywhere === true))
  for (const [name, says, act] of [['grant', 'give a role', grant], ['revoke', 'take a role away', revoke]] as const)
    access.command(name).argument('<role>', `${projectRoles.join(', ')} of the project; ${clusterRoles.join(', ')} of the installation`).description(says)
      .option('--user <name>', 'to a person; may stand several times', list).option('--group <name>', 'to a group; may stand several times', list)
      .action((role: string, o: Who) => act(context, role, o))
}
