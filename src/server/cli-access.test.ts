/** The commands by which people get in, get roles and lose them, against an API server with real certificates. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Project } from '../api/index.ts'
import { buildProgram, runProgram } from '../cli/program.ts'
import { contextOf } from '../cli/testing.ts'
import { httpResources, readKubeconfig, type HttpResources } from '../client/index.ts'
import { bootstrapUser } from './bootstrap.ts'
import { startAccessBed, type AccessBed } from './testing/access-bed.ts'

let bed: AccessBed
const files = new Map<string, string>()
const open: HttpResources[] = []

/** With a kubeconfig of these files. */
const skerry = async (kubeconfig: string, ...argv: readonly string[]): Promise<string> => {
  const out: string[] = []
  const resources = httpResources(readKubeconfig(`/${kubeconfig}`, (path) => files.get(path.slice(1)) ?? '').options)
  open.push(resources)
  const context = { ...contextOf({ resources: () => resources, files, argv, out, err: out }), kubeconfig: async () => ({ path: kubeconfig, text: files.get(kubeconfig) ?? '' }) }
  const code = await runProgram(buildProgram(context), argv, context)
  return `${code} ${out.join('\n').replaceAll(/20\d\d-[\dT:.-]+Z/g, 'TIME')}`
}

beforeEach(async () => {
  files.clear()
  bed = await startAccessBed({ tls: true })
  files.set('admin', await bed.kubeconfigFor(bootstrapUser))
})
afterEach(async () => {
  for (const r of open.splice(0)) await r.close()
  await bed.close()
})

test('A4 a person asks, is let in, gets a role, renews, and is out', async () => {
  expect(await skerry('admin', 'project', 'create', 'acme')).toBe(`0 ${Project.singular} acme created`)
  expect(await skerry('admin', 'certificate', 'request', 'tess')).toMatch(/^0 wrote tess\.key/)
  expect(await skerry('admin', 'admin', 'certificate', 'issue', 'tess', '--csr', 'tess.csr', '--group', 'staff', '--output', 'tess.kubeconfig')).toBe('0 wrote tess.kubeconfig; valid until TIME, renewed with skerry certificate renew for 90 days')
  expect(files.get('tess.kubeconfig')).toContain('client-key: tess.key')
  expect(await skerry('tess.kubeconfig', 'cluster', 'list', '-n', 'acme')).toMatch(/^4 /)
  expect(await skerry('admin', 'access', 'grant', 'editor', '-n', 'acme', '--user', 'tess', '--user', 'ed')).toBe('0 tess, ed: editor of project acme')
  expect(await skerry('tess.kubeconfig', 'cluster', 'list', '-n', 'acme')).toBe('0 no clusters in project acme')
  expect(await skerry('tess.kubeconfig', 'access', 'list', '-n', 'acme')).toMatch(/^4 /)
  expect(await skerry('admin', 'access', 'list', '-n', 'acme')).toMatch(/^0 KIND {3}NAME {3}ROLE {5}GRANT\nUser {3}tess {3}editor {3}editor-\w{5}\nUser {3}ed {5}editor {3}editor-\w{5}$/)
  const before = files.get('tess.kubeconfig')
  expect(await skerry('tess.kubeconfig', 'certificate', 'renew')).toBe('0 renewed tess.kubeconfig until TIME')
  expect(files.get('tess.kubeconfig')).not.toBe(before)
  expect(files.get('tess.kubeconfig')).toContain('client-key-data')
  expect(await skerry('tess.kubeconfig', 'cluster', 'list', '-n', 'acme')).toBe('0 no clusters in project acme')
  expect(await skerry('admin', 'access', 'revoke', 'editor', '-n', 'acme', '--user', 'tess')).toBe('0 tess: not editor of project acme any more')
  expect(await skerry('tess.kubeconfig', 'cluster', 'list', '-n', 'acme')).toMatch(/^4 /)
  expect(await skerry('admin', 'access', 'list', '-n', 'acme')).toMatch(/^0 KIND .*\nUser +ed +editor +editor-\w{5}$/)
  expect(await skerry('admin', 'admin', 'certificate', 'revoke', 'tess')).toBe('0 revoked tess')
  expect(await skerry('tess.kubeconfig', 'certificate', 'renew')).toBe('4 skerry: Unauthorized')
  expect(await skerry('admin', 'access', 'revoke', 'editor', '-n', 'acme', '--user', 'tess')).toMatch(/^3 /)
})

test('A4 the bootstrap administrator is disabled once there is another', async () => {
  expect(await skerry('admin', 'admin', 'bootstrap', 'disable')).toMatch(/^4 .*no administrator with a certificate would be left/)
  expect(await skerry('admin', 'admin', 'certificate', 'issue', 'ada', '--output', 'ada.kubeconfig')).toMatch(/^0 /)
  expect(await skerry('admin', 'access', 'grant', 'administrator', '--user', 'ada')).toBe('0 ada: administrator of the whole installation')
  expect(await skerry('ada.kubeconfig', 'admin', 'bootstrap', 'disable')).toMatch(/^0 /)
  expect(await skerry('admin', 'site', 'list')).toMatch(/^4 /)
  expect(await skerry('ada.kubeconfig', 'admin', 'bootstrap', 'disable')).toMatch(/^3 /)
})

test('a request that cannot be signed leaves nobody behind, and a role that there is not says which there are', async () => {
  files.set('bad.csr', 'nonsense')
  expect(await skerry('admin', 'admin', 'certificate', 'issue', 'tess', '--csr', 'bad.csr', '--output', 'x')).toMatch(/^4 skerry: refused:\n {2}spec\.csr/)
  expect(await skerry('admin', 'admin', 'certificate', 'list')).not.toContain('tess')
  expect(await skerry('admin', 'access', 'grant', 'boss', '--user', 'tess')).toBe('2 skerry: boss: viewer, editor, owner in a project, or auditor, operator, administrator over the installation')
})
