/** Keeps what is known of a cloud fresh: capabilities, machine types, problems, credential's end, objects of ours that nobody owns. */
import { Cluster, Machine, MachineType, Project, Site } from '../../api/index.ts'
import { controllerRef } from '../../api/meta/index.ts'
import type { UnknownObject } from '../../api/site/index.ts'
import type { Flavor } from '../../drivers/openstack/cloud.ts'
import { settled, waiting, type Outcome } from '../../engine/outcome.ts'
import { exclusive, planned, status as writes, type Finish, type NewCondition, type Pass, type Plan } from '../../engine/shapes.ts'
import { undecided, type Census } from '../census.ts'
import { blame, condition } from '../conditions.ts'
import type { Ports } from '../ports.ts'
import { quietly } from '../reads.ts'
import { discover, type Discovery } from './discover.ts'
import { deleteUnknown, findUnknown, toDelete, unknownCondition, unknownStatus, type Found } from './unknown.ts'

type Step = { readonly kind: 'show-type'; readonly flavor: Flavor } | { readonly kind: 'drop-type'; readonly type: MachineType } | { readonly kind: 'delete-unknown'; readonly object: UnknownObject }
interface Seen { readonly site: Site; readonly discovery: Discovery; readonly types: readonly MachineType[]; readonly unknown: Found }

/** Looked at again this often; what a cloud can do changes with its operator's work, not by itself. */
const everySeconds = 600
const everySecondsWithProblems = 20
const everySecondsUndecided = 60
const everySecondsDeleting = 5
const deleteTimeoutMs = 20_000
const warnDays = 30

export const typeName = (site: string, flavor: string): string => `${site}.${flavor.toLowerCase().replaceAll(/[^a-z0-9.-]+/g, '-')}`

const gpuOf = (f: Flavor): { readonly name: string; readonly count: number } | undefined => {
  const alias = f.extraSpecs['pci_passthrough:alias']
  const [name, count] = alias?.split(':') ?? []
  return name === undefined ? undefined : { name, count: Number(count ?? 1) }
}
const specOf = (site: Site, f: Flavor) => {
  const gpu = gpuOf(f)
  return { site: site.metadata.name, flavor: f.name, flavorId: f.id, cpus: f.vcpus, memoryMiB: f.ramMiB, diskGiB: f.diskGiB, ...(gpu !== undefined && { gpu }) }
}
const isSame = (a: object, b: object): boolean => JSON.stringify(Object.entries(a).toSorted()) === JSON.stringify(Object.entries(b).toSorted())

const outcome = (s: Seen): Outcome => {
  const [problem] = s.discovery.problems
  if (toDelete(s.site, s.unknown).length > 0) return waiting('Deleting', 'what a person wants deleted is being deleted', everySecondsDeleting)
  if (problem !== undefined) return waiting(problem.reason, problem.message, everySecondsWithProblems)
  return undecided(s.site, s.unknown.objects).length > 0 ? waiting('UnknownObjects', 'a person decides', everySecondsUndecided) : settled()
}

const plan = (s: Seen, _now: Date): Plan<Step | Finish> => {
  const { flavors } = s.discovery
  const names = new Set(flavors.map((f) => typeName(s.site.metadata.name, f.name)))
  return {
    steps: [
      ...flavors.filter((f) => { const have = s.types.find((t) => t.metadata.name === typeName(s.site.metadata.name, f.name)); return have === undefined || !isSame(have.spec, specOf(s.site, f)) }).map((flavor): Step => ({ kind: 'show-type', flavor })),
      ...s.types.filter((t) => !names.has(t.metadata.name)).map((type): Step => ({ kind: 'drop-type', type })),
      ...toDelete(s.site, s.unknown).map((object): Step => ({ kind: 'delete-unknown', object })),
    ],
    outcome: outcome(s),
  }
}

const conditions = (site: Site, s: Seen | undefined, pass: Pass, ports: Ports): readonly NewCondition[] => {
  const failed = blame(pass, ports)
  const expires = s?.discovery.found.credentialExpiresAt ?? site.status?.found?.credentialExpiresAt
  const expiring = expires !== undefined && Date.parse(expires) - pass.now.getTime() < warnDays * 86_400_000
  const problems = s?.discovery.problems ?? []
  return [
    failed !== undefined ? condition('Ready', 'False', failed.reason, failed.message)
      : problems.length > 0 ? condition('Ready', 'False', problems[0]!.reason, problems.map((p) => p.message).join('; ')) : condition('Ready', 'True', 'Ready', 'clusters can be made here'),
    expiring ? condition('CredentialExpiring', 'True', 'CredentialExpiring', `the credential ends on ${expires}; give the site a new one before`) : condition('CredentialExpiring', 'False', 'Idle', 'the credential does not end soon'),
    unknownCondition(site, s === undefined ? site.status?.unknownObjects : unknownStatus(site, s.unknown.objects).unknownObjects),
  ]
}

export const site = (ports: Ports, census: Census) => planned<Site, Seen, Step>({
  name: 'site',
  for: Site,
  reads: [quietly(MachineType), quietly(Project), quietly(Cluster), quietly(Machine)],
  writes: [exclusive(MachineType), writes(Site)],
  outside: ['identity.describe', 'network.*', 'volume.*', 'image.list', 'loadBalancer.*', 'compute.*'],
  observe: async (object, context) => {
    const discovery = await discover(await ports.clouds.open(object, ''), object.spec)
    return { site: object, discovery, unknown: await findUnknown(ports, census, object, context), types: context.cached.list(MachineType).filter((t) => t.spec.site === object.metadata.name) }
  },
  plan,
  apply: async (step, seen, object, context) => {
    if (step.kind === 'drop-type') { await context.delete(MachineType, step.type); return }
    if (step.kind === 'delete-unknown') {
      const what = `${step.object.kind} ${step.object.id}`
      // What uses it goes first, and may need the next pass.
      try { await context.changing(`delete ${what}`, deleteTimeoutMs, () => deleteUnknown(step.object, seen.unknown.clouds.get(step.object.project)!)) } catch (error) {
        if (!ports.errors.isConflict(error)) throw error
        context.event('Warning', 'BlockedBy', `${what} cannot be deleted yet: ${ports.errors.describe(error)}`)
      }
      return
    }
    await context.apply(MachineType, { metadata: { name: typeName(object.metadata.name, step.flavor.name), ownerReferences: [controllerRef(object)] }, spec: specOf(seen.site, step.flavor) })
  },
  status: (object, seen, pass) => ({
    ...(seen !== undefined ? { found: seen.discovery.found } : object.status?.found !== undefined ? { found: object.status.found } : {}),
    ...(seen !== undefined ? unknownStatus(object, seen.unknown.objects) : object.status?.unknownObjects !== undefined ? { unknownObjects: object.status.unknownObjects } : {}),
    conditions: conditions(object, seen, pass, ports),
  }),
  wakers: (wake, cached) => {
    const wakeAll = (): void => { for (const s of cached.list(Site)) wake({ namespace: '', name: s.metadata.name }) }
    // A restored database looks as if nothing had changed: the cloud is asked at every start (rule H3).
    wakeAll()
    const timer = setInterval(wakeAll, everySeconds * 1000)
    timer.unref()
    const unsubscribe = census.onChange((name) => { wake({ namespace: '', name }) })
    return () => { clearInterval(timer); unsubscribe() }
  },
})
