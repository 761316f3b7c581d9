/** skerry site reconcile …: a person decides of objects in a cloud that carry our mark and have no known owner (rule H3). */
import type { Command } from 'commander'
import { Cluster, Machine, Site } from '../api/index.ts'
import type { Decision, UnknownObject, UnknownObjectKind } from '../api/site/index.ts'
import { cliError, type Context } from './context.ts'
import { list, writer } from './options.ts'
import { tableText } from './output.ts'

interface ReconcileOptions { readonly adopt?: readonly string[]; readonly leave?: readonly string[]; readonly delete?: readonly string[]; readonly dryRun?: boolean; readonly yes?: boolean }

const whenDeleted: Readonly<Record<UnknownObjectKind, string>> = {
  'load balancer': 'it goes with its listeners and pools; its address answers no more', listener: 'its port answers no more', pool: 'its listener has nowhere to send to', 'floating ip': 'the address goes back to the cloud',
  server: 'it is stopped and goes; its volume stays until that is decided', volume: 'its data are lost', port: 'its address is free again; not while a server has it', router: 'it is detached and goes',
  subnet: 'it goes when no port is in it', network: 'it goes when no port is in it', 'security group': 'it goes when no port has it', 'server group': 'it goes; servers stay',
}
const meanings = [
  '--delete ID  the site deletes it, and asks the cloud until that answers 404',
  '--leave ID   it stays in the cloud and Skerry never looks at it again',
  '--adopt ID   only a cluster or machine with the owner\'s uid can take it: restore the database in which it is',
  'ID is an object\'s or an owner\'s, then all of that owner\'s. Nothing is created or deleted in a project until all of it is decided.',
].join('\n')

const age = (createdAt: string | undefined, now: Date): string => {
  if (createdAt === undefined) return '<unknown>'
  const minutes = Math.max(0, Math.floor((now.getTime() - Date.parse(createdAt.endsWith('Z') ? createdAt : `${createdAt}Z`)) / 60_000))
  return minutes < 120 ? `${minutes}m` : minutes < 2_880 ? `${Math.floor(minutes / 60)}h` : `${Math.floor(minutes / 1_440)}d`
}

const show = (context: Context, site: Site): void => {
  const { count, items } = site.status?.unknownObjects ?? { count: 0, items: [] }
  if (items.length === 0) { context.terminal.err(`site ${site.metadata.name}: the owner of all that carries our mark is known`); return }
  context.terminal.out(tableText([
    ['KIND', 'ID', 'NAME', 'PROJECT', 'OWNER', 'AGE', 'DECIDED', 'IF DELETED'],
    ...items.map((o) => [o.kind, o.id, o.name, o.project, o.owner, age(o.createdAt, context.now()), site.spec.unknownObjects?.[o.id] ?? '<no>', whenDeleted[o.kind]]),
  ]))
  context.terminal.err(`${items.length < count ? `${items.length} of ${count}: the others are shown when these are decided\n` : ''}${meanings}`)
}

/** The objects that ids name. */
const named = (site: Site, ids: readonly string[]): readonly UnknownObject[] => ids.flatMap((id) => {
  const found = (site.status?.unknownObjects?.items ?? []).filter((o) => o.id === id || o.owner === id)
  if (found.length === 0) throw cliError(`site ${site.metadata.name} has no unknown object, and no owner of one, with the id ${id}; skerry site reconcile ${site.metadata.name} shows them`, 3)
  return found
})

/** Marks cannot be written anew: only who has the owner's uid finds what carries it, and then needs no decision. */
const demandAdoptable = async (context: Context, objects: readonly UnknownObject[]): Promise<void> => {
  const r = context.resources()
  const owners = [...(await r.list(Cluster)).items, ...(await r.list(Machine)).items]
  for (const o of objects) {
    const owner = owners.find((x) => x.metadata.uid === o.owner)
    if (owner === undefined) throw cliError(`refused: ${o.kind} ${o.id} was made for ${o.owner}, and there is no cluster or machine with that uid to take it. Restore the database in which it is, and it is taken by itself; else --leave or --delete it`, 4)
    context.terminal.err(`${o.kind} ${o.id}: taken by ${owner.kind.toLowerCase()} ${owner.metadata.name}`)
  }
}

const reconcile = async (context: Context, name: string, o: ReconcileOptions): Promise<void> => {
  const site = await context.resources().get(Site, { namespace: '', name })
  if (site === undefined) throw cliError(`there is no site ${name}`, 3)
  const [adopt, leave, remove] = [o.adopt, o.leave, o.delete].map((ids) => named(site, ids ?? []))
  if (adopt!.length + leave!.length + remove!.length === 0) { show(context, site); return }
  const twice = [...adopt!, ...leave!, ...remove!].map((x) => x.id).find((id, i, all) => all.indexOf(id) !== i)
  if (twice !== undefined) throw cliError(`${twice}: one decision for an object`, 2)
  await demandAdoptable(context, adopt!)
  const decisions = [...leave!.map((x) => [x, 'leave'] as const), ...remove!.map((x) => [x, 'delete'] as const)]
  if (decisions.length === 0) return
  for (const [x, decision] of decisions) context.terminal.err(`${x.kind} ${x.id}: ${decision === 'leave' ? 'stays and is not looked at again' : `is deleted: ${whenDeleted[x.kind]}`}`)
  if (o.dryRun !== true && remove!.length > 0 && o.yes !== true && !(await context.confirm(`Delete ${remove!.length} object${remove!.length === 1 ? '' : 's'} in the cloud of site ${name}?`))) throw cliError('nothing was decided; say --yes where nobody can be asked')
  // What was deleted is gone for ever: its decision is not kept.
  const listed = new Set(site.status?.unknownObjects?.items.map((x) => x.id))
  const past = Object.entries(site.spec.unknownObjects ?? {}).filter(([id, d]) => d === 'delete' && !listed.has(id)).map(([id]) => [id, null] as const)
  const unknownObjects: Readonly<Record<string, Decision | null>> = Object.fromEntries([...past, ...decisions.map(([x, d]) => [x.id, d] as const)])
  await context.resources().request({
    method: 'PATCH', path: `/apis/skerry.dev/v1alpha1/sites/${encodeURIComponent(name)}`, query: { fieldManager: writer.manager, ...(o.dryRun === true && { dryRun: 'All' }) },
    contentType: 'application/merge-patch+json', body: { spec: { unknownObjects } },
  })
  context.terminal.err(o.dryRun === true ? 'nothing was decided (--dry-run)' : `site ${name}: decided`)
}

export const addSiteReconcile = (site: Command, context: Context): void => {
  site.command('reconcile').argument('<site>').description('objects in the cloud with our mark whose owner is not known: shows them, or decides what becomes of them; for administrators')
    .option('--adopt <id>', 'an owner that is there again takes it', list)
    .option('--leave <id>', 'it stays and is not looked at again', list)
    .option('--delete <id>', 'the site deletes it', list)
    .option('--dry-run', 'say what would be done and do nothing')
    .option('--yes', 'do not ask')
    .addHelpText('after', `\n${meanings}`)
    .action((name: string, o: ReconcileOptions) => reconcile(context, name, o))
}
