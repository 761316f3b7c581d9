/** skerry site …: OpenStack installations. What was found and what is missing is said before anything is done. */
import type { Command } from 'commander'
import { CloudProject, MachineType, Site } from '../api/index.ts'
import type { SiteSpec } from '../api/site/index.ts'
import { condition, isTrue } from '../api/meta/index.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { cliError, type Context, type Probe } from './context.ts'
import { integer, list, output, writer } from './options.ts'
import { print, tableText, type Format } from './output.ts'
import { addSiteImages } from './site-image.ts'
import { addSiteReconcile } from './site-reconcile.ts'

const shapes = ['auto', 'tenant', 'routed'] as const
const shape = (text: string): string => {
  if (!(shapes as readonly string[]).includes(text)) throw cliError(`--shape ${text}: ${shapes.join(', ')}`, 2)
  return text
}

interface AddOptions {
  readonly osCloud: string
  readonly cloudsFile?: string
  readonly project?: string
  readonly shape: string
  readonly externalNetwork?: string
  readonly providerNetwork?: string
  readonly loadBalancer?: string
  readonly ntp?: readonly string[]
  readonly dns?: readonly string[]
  readonly mirror?: readonly string[]
  readonly egress?: readonly string[]
  readonly installer?: string
  readonly installDisk?: string
  readonly relaxedTimers?: boolean
  readonly bootTimeout?: string
  readonly callsPerSecond?: number
  readonly publicDefaults?: boolean
  readonly yes?: boolean
  readonly quiet?: boolean
  readonly dryRun?: boolean
}

const mirrorsOf = (texts: readonly string[] | undefined): SiteSpec['services']['registryMirrors'] => Object.fromEntries((texts ?? []).map((t) => {
  const at = t.indexOf('=')
  if (at < 1) throw cliError(`--mirror ${t}: REGISTRY=URL, for example docker.io=https://mirror.example.org, or *=URL`, 2)
  return [t.slice(0, at), { endpoints: [t.slice(at + 1)], skipFallback: true }]
}))

const specFrom = (o: AddOptions, base: Partial<SiteSpec>): Partial<SiteSpec> => ({
  ...base, shape: o.shape as SiteSpec['shape'], ...(o.externalNetwork !== undefined && { externalNetwork: o.externalNetwork }), ...(o.providerNetwork !== undefined && { providerNetwork: o.providerNetwork }),
  ...(o.loadBalancer !== undefined && { loadBalancerProvider: o.loadBalancer }), egressCIDRs: o.egress ?? [], publicDefaults: o.publicDefaults === true,
  services: { ntp: o.ntp ?? [], dns: o.dns ?? [], trustedRoots: [], registryMirrors: mirrorsOf(o.mirror), ...(o.installer !== undefined && { installer: o.installer }) },
  ...(o.installDisk !== undefined && { installDisk: o.installDisk }), ...(o.relaxedTimers === true && { relaxedTimers: true }), ...(o.bootTimeout !== undefined && { bootTimeout: o.bootTimeout }), ...(o.callsPerSecond !== undefined && { callsPerSecond: o.callsPerSecond }),
})

const describe = (name: string, p: Probe, o: AddOptions): string => [
  `site ${name}: project ${p.projectName}, user ${p.userName}, roles ${p.roles.join(', ')}${p.credentialExpiresAt === undefined ? ', credential without end' : `, credential until ${p.credentialExpiresAt}`}`,
  `  shape          ${p.shape}`,
  `  networks       ${[p.externalNetwork === undefined ? undefined : `external ${p.externalNetwork}`, p.providerNetwork === undefined ? undefined : `provider ${p.providerNetwork}`].filter((x) => x !== undefined).join(', ') || 'none'}`,
  `  load balancer  ${p.loadBalancer ?? 'none: endpoints are on the nodes'}`,
  `  volume types   ${p.volumeTypes.join(', ') || 'none'}`,
  `  Talos images   ${p.images.map((i) => `${i.name} (${i.talosVersion})`).join(', ') || 'none'}`,
  `  machine types  ${p.machineTypes.length}`,
  ...tableText(p.machineTypes.slice(0, 12).map((t) => [`    ${t.name}`, `${t.cpus} CPU`, `${Math.round(t.memoryMiB / 1024)} GiB`, t.diskGiB === 0 ? 'boots from a volume' : `${t.diskGiB} GiB disk`])).split('\n'),
  ...(o.publicDefaults === true ? ['  time and names  public servers (--public-defaults)'] : o.ntp === undefined || o.dns === undefined ? ['  time and names  none given (--ntp, --dns): nodes keep their host\'s time and the network\'s name servers'] : []),
  ...(p.problems.length === 0 ? ['  nothing is missing'] : p.problems.map((x) => `  MISSING  ${x}`)),
].join('\n')

const addSite = async (context: Context, name: string, o: AddOptions): Promise<void> => {
  const entry = await context.clouds.entry(o.osCloud, o.cloudsFile)
  const spec = specFrom(o, entry.site)
  const probe = await context.clouds.probe(entry, spec)
  if (o.quiet !== true) context.terminal.err(describe(name, probe, o))
  if (o.dryRun === true) return
  if (o.yes !== true && !(await context.confirm(`Add site ${name}?`))) throw cliError('not added; say --yes where nobody can be asked')
  const r = context.resources()
  await r.apply(Site, { metadata: { name }, spec }, writer)
  await r.post(Site, { namespace: '', name }, 'credential', { apiVersion: 'skerry.dev/v1alpha1', kind: 'CredentialRequest', spec: { ...entry.credential, ...(o.project !== undefined && { project: o.project }) } })
  const begun = performance.now()
  for (;;) {
    const site = await r.get(Site, { namespace: '', name })
    const ready = site === undefined ? undefined : condition(site, 'Ready')
    if (site !== undefined && isTrue(site, 'Ready')) { context.terminal.err(`site ${name} is ready`); return }
    if (performance.now() - begun > 20_000 || (ready?.status === 'False' && ready.reason !== 'CredentialMissing' && performance.now() - begun > 5_000)) {
      context.terminal.err(`site ${name} was added and is not ready yet: ${ready?.message ?? 'not looked at yet'}`)
      return
    }
    await sleep(150)
  }
}

export const addSites = (program: Command, context: Context): void => {
  const site = program.command('site').description('OpenStack installations')
  site.command('add').argument('<name>').description('add a cloud: prints what was found and what is missing before it does anything')
    .requiredOption('--os-cloud <cloud>', 'entry of clouds.yaml')
    .option('--clouds-file <file>', 'instead of the usual clouds.yaml')
    .option('--project <project>', 'the credential is for this project only')
    .option('--shape <shape>', shapes.join(', '), shape, 'auto')
    .option('--external-network <name>', 'with floating IPs')
    .option('--provider-network <name>', 'that servers attach to')
    .option('--load-balancer <provider>', 'Octavia provider')
    .option('--egress <cidr>', 'where Skerry comes from; may stand several times', list)
    .option('--ntp <server>', 'time servers of nodes', list)
    .option('--dns <server>', 'name servers of nodes', list)
    .option('--mirror <registry=url>', 'registry mirrors', list)
    .option('--installer <image>', 'Talos installer')
    .option('--install-disk <device>', 'root disk of nodes')
    .option('--relaxed-timers', 'for slow clouds')
    .option('--boot-timeout <duration>', 'to first contact of a machine')
    .option('--calls-per-second <number>', 'to this cloud on average, by all projects together', integer)
    .option('--public-defaults', 'public time and name servers')
    .option('--yes', 'do not ask')
    .option('--quiet', 'do not describe the cloud')
    .option('--dry-run', 'describe the cloud and do nothing')
    .action((name: string, o: AddOptions) => addSite(context, name, o))
  output(site.command('list').alias('ls').description('all sites')).action((o: { output: Format }) => print(context, Site, o.output, {}))
  output(site.command('get').argument('<name>').description('one site')).action((name: string, o: { output: Format }) => print(context, Site, o.output, { name }))
  site.command('remove').argument('<name>').description('forget a site that has no clusters; the cloud is not touched').action(async (name: string) => { await context.resources().delete(Site, { namespace: '', name }, writer); context.terminal.err(`site ${name} removed`) })
  addSiteImages(site, context)
  addSiteReconcile(site, context)
  output(site.command('machine-types').argument('[site]').description('flavors as they were seen')).action((name: string | undefined, o: { output: Format }) => print(context, MachineType, o.output, name === undefined ? {} : { fieldSelector: `spec.site=${name}` }))
  output(site.command('quotas').argument('[site]').description('limits of the cloud\'s projects, and what is used')).action((name: string | undefined, o: { output: Format }) => print(context, CloudProject, o.output, name === undefined ? {} : { fieldSelector: `spec.site=${name}` }))
}
