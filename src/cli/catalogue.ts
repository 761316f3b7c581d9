/** skerry release …, project …: what an operator prepares for tenants. */
import type { Command } from 'commander'
import { Project, Release } from '../api/index.ts'
import { cliError, type Context } from './context.ts'
import { list, output, pairs, writer } from './options.ts'
import { print, type Format } from './output.ts'

interface ReleaseOptions { readonly talos: string; readonly kubernetes: string; readonly installer?: string; readonly cniManifest?: string; readonly networkPolicy?: string; readonly image?: readonly string[]; readonly addOn?: readonly string[] }

const addRelease = async (context: Context, name: string, o: ReleaseOptions): Promise<void> => {
  const addOns = await Promise.all(Object.entries(pairs('--add-on', o.addOn)).map(async ([addOn, file]) => ({ name: addOn, manifest: await context.files.read(file) })))
  await context.resources().apply(Release, { metadata: { name }, spec: {
    talosVersion: o.talos, kubernetesVersion: o.kubernetes, installerImage: o.installer ?? `ghcr.io/siderolabs/installer:${o.talos}`,
    ...(o.cniManifest !== undefined && { cni: { manifest: await context.files.read(o.cniManifest) } }),
    ...(o.networkPolicy !== undefined && { networkPolicy: { manifest: await context.files.read(o.networkPolicy) } }),
    ...(o.image !== undefined && { images: pairs('--image', o.image) }), ...(addOns.length > 0 && { addOns }),
  } }, writer)
  context.terminal.err(`release ${name} added`)
}

const removeRelease = async (context: Context, name: string): Promise<void> => {
  const key = { namespace: '', name }
  const there = await context.resources().get(Release, key)
  if (there === undefined) throw cliError(`there is no release ${name}`, 3)
  await context.resources().delete(Release, key, { ...writer, uid: there.metadata.uid })
  context.terminal.err(`release ${name} removed`)
}

export const addReleases = (program: Command, context: Context): void => {
  const release = program.command('release').description('tested bundles of versions')
  release.command('add').argument('<name>').description('add a release')
    .requiredOption('--talos <version>', 'e.g. v1.13.9')
    .requiredOption('--kubernetes <version>', 'e.g. v1.36.3')
    .option('--installer <image>', 'Talos installer image; ghcr.io/siderolabs/installer of that version when absent')
    .option('--cni-manifest <file>', 'pod network of clusters with --cni release')
    .option('--network-policy <file>', 'what keeps pods from the metadata service, for the pod network of --cni-manifest')
    .option('--image <component=ref>', 'override of one image; may stand several times', list)
    .option('--add-on <name=file>', 'manifests that every cluster gets; may stand several times', list)
    .action((name: string, o: ReleaseOptions) => addRelease(context, name, o))
  release.command('remove').argument('<name>').description('forget a release that no cluster uses').action((name: string) => removeRelease(context, name))
  output(release.command('list').alias('ls').description('all releases')).action((o: { output: Format }) => print(context, Release, o.output, {}))
  output(release.command('get').argument('<name>').description('one release')).action((name: string, o: { output: Format }) => print(context, Release, o.output, { name }))
}

export const addProjects = (program: Command, context: Context): void => {
  const project = program.command('project').description('who works together')
  project.command('create').argument('<name>').description('make a project').option('--display-name <text>', 'shown to people').action(async (name: string, o: { displayName?: string }) => {
    await context.resources().apply(Project, { metadata: { name }, spec: { ...(o.displayName !== undefined && { displayName: o.displayName }) } }, writer)
    context.terminal.err(`project ${name} created`)
  })
  output(project.command('list').alias('ls').description('all projects')).action((o: { output: Format }) => print(context, Project, o.output, {}))
  output(project.command('get').argument('<name>').description('one project')).action((name: string, o: { output: Format }) => print(context, Project, o.output, { name }))
  project.command('delete').argument('<name>').description('delete a project without clusters').action(async (name: string) => {
    await context.resources().delete(Project, { namespace: '', name }, writer)
    context.terminal.err(`project ${name} deleted`)
  })
}
