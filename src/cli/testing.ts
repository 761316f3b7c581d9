/** Runs commands against an API server on loopback, with a terminal that remembers. For tests only. */
import { kinds, MachineType, Project, Release, Site } from '../api/index.ts'
import type { Kind, Resource } from '../api/meta/index.ts'
import type { ApiOptions } from '../apiserver/index.ts'
import { startLab } from '../apiserver/testing/lab-server.ts'
import { httpResources, type HttpResources } from '../client/index.ts'
import { cliError, type CloudPorts, type Context, type DatabasePort } from './context.ts'
import { valueOf } from './options.ts'
import { buildProgram, runProgram } from './program.ts'

export interface Ran { readonly code: number; readonly out: string; readonly err: string }
export interface CliBed {
  readonly files: Map<string, string>
  /** As people. */
  readonly user: HttpResources
  /** As the site's controllers. */
  readonly site: HttpResources
  run(...argv: string[]): Promise<Ran>
  close(): Promise<void>
}

export const noClouds: CloudPorts = {
  entry: async () => { throw cliError('no clouds here') }, probe: async () => { throw cliError('no clouds here') }, upload: async () => { throw cliError('no clouds here') },
}

const noDatabase: DatabasePort = { newEpoch: async () => { throw cliError('no database here') }, enableBootstrap: async () => { throw cliError('no database here') } }

export const contextOf = (o: { readonly resources: () => HttpResources; readonly files?: Map<string, string>; readonly clouds?: CloudPorts; readonly database?: DatabasePort; readonly yes?: boolean; readonly argv: readonly string[]; readonly out: string[]; readonly err: string[] }): Context => ({
  terminal: { out: (t) => { o.out.push(t) }, err: (t) => { o.err.push(t) }, isTty: false, colors: false, columns: 100 },
  files: {
    read: async (path) => { const text = o.files?.get(path); if (text === undefined) throw cliError(`${path}: no such file`, 2); return text },
    writePrivate: async (path, text) => { o.files?.set(path, text) },
    async *lines(path) { const text = o.files?.get(path); if (text === undefined) throw cliError(`${path}: no such file`, 2); yield* text.split('\n').filter((l) => l !== '') },
    writeLines: async (path, lines) => { let text = ''; for await (const l of lines) text += `${l}\n`; o.files?.set(path, text) },
  },
  clouds: o.clouds ?? noClouds, database: o.database ?? noDatabase, resources: o.resources, kubeconfig: async () => ({ path: 'kubeconfig', text: o.files?.get('kubeconfig') ?? '' }),
  now: () => new Date('2026-11-25T00:00:00Z'), confirm: async () => o.yes === true,
  namespace: () => { const n = valueOf(o.argv, ['-n', '--namespace']); if (n === undefined) throw cliError('which project? -n PROJECT, or SKERRY_PROJECT', 2); return n },
})

/** A platform with project demo, site sto1, one flavor and one release; no controllers. */
export const startCliBed = async (o: Partial<ApiOptions> & { readonly clouds?: CloudPorts; readonly yes?: boolean } = {}): Promise<CliBed> => {
  const { clouds, yes, ...api } = o
  const lab = await startLab({ kinds, ...api })
  const as = (token: string) => httpResources({ server: lab.listening.url, token })
  const [user, site] = [as('user'), as('site')]
  const files = new Map<string, string>()
  const by = { manager: 'test' }
  await user.create(Project, { metadata: { name: 'demo' }, spec: {} }, by)
  await user.create(Site, { metadata: { name: 'sto1' }, spec: { authUrl: 'https://keystone.example.org/v3' } }, by)
  await user.create(Release, { metadata: { name: '2026.4.1' }, spec: { talosVersion: 'v1.13.9', kubernetesVersion: 'v1.36.3', installerImage: 'registry.example.org/installer:v1.13.9' } }, by)
  await site.create(MachineType, { metadata: { name: 'sto1-b2' }, spec: { site: 'sto1', flavor: 'b2', flavorId: 'f1', cpus: 4, memoryMiB: 8192, diskGiB: 0 } }, by)
  return {
    files, user, site,
    run: async (...argv) => {
      const out: string[] = []
      const err: string[] = []
      const context = contextOf({ resources: () => user, files, argv, out, err, ...(clouds !== undefined && { clouds }), ...(yes !== undefined && { yes }) })
      const code = await runProgram(buildProgram(context), argv, context)
      return { code, out: out.join('\n'), err: err.join('\n') }
    },
    close: async () => { await Promise.all([user.close(), site.close()]); await lab.close() },
  }
}

/** What controllers would say of a cluster, at once. */
export const sayReady = async (bed: CliBed, kind: Kind<any>, object: Resource, types: readonly string[], more: object = {}): Promise<void> => {
  await bed.site.applyStatus(kind, { metadata: { name: object.metadata.name, ...(object.metadata.namespace !== undefined && { namespace: object.metadata.namespace }) }, status: {
    ...more, conditions: types.map((type) => ({ type, status: 'True', reason: 'Ready', message: '', lastTransitionTime: '2026-11-25T00:00:00Z' })),
  } }, { manager: 'test' })
}
