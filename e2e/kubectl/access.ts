/** Unmodified kubectl of a person who owns one project, by client certificate, with the platform's own kinds, roles and filter. */
import { writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { AccessGrant, ClientCertificate, Project } from '../../src/api/index.ts'
import { httpResources, readKubeconfig } from '../../src/client/index.ts'
import { bootstrapUser } from '../../src/server/bootstrap.ts'
import { startAccessBed } from '../../src/server/testing/access-bed.ts'
import type { Check } from './checks.ts'

const grant = (kind: string, name: string, role: string) => JSON.stringify({ apiVersion: 'skerry.dev/v1alpha1', kind, metadata: { name }, spec: { role, subjects: [{ kind: 'User', name: 'ed' }] } })

const before: readonly Check[] = [
  { what: 'whoami says which certificate', want: /tess[\s\S]*urn:skerry:certificate:tess/, args: ['auth', 'whoami'] },
  { what: 'can-i in the project', want: /^yes/m, args: ['auth', 'can-i', 'create', 'clusters.skerry.dev'] },
  { what: 'can-i, a subresource', want: /^yes/m, args: ['auth', 'can-i', 'create', 'clusters.skerry.dev', '--subresource', 'kubeconfig'] },
  { what: 'can-i in another project', want: /^no/m, args: ['auth', 'can-i', 'list', 'clusters.skerry.dev', '-n', 'other'] },
  { what: 'can-i in all projects', want: /^no/m, args: ['auth', 'can-i', 'list', 'clusters.skerry.dev', '-A'] },
  { what: 'can-i, of the installation', want: /^yes/m, args: ['auth', 'can-i', 'list', 'releases.skerry.dev'] },
  { what: 'can-i --list', want: /accessgrants\.skerry\.dev +\[\] +\[\] +\[[^\]]*delete/, args: ['auth', 'can-i', '--list'] },
  { what: 'can-i --list, by name', want: /projects\.skerry\.dev +\[\] +\[acme\] +\[[^\]]*patch/, args: ['auth', 'can-i', '--list'] },
  { what: 'namespaces are those of one\'s roles', want: /^namespace\/acme\n$/, args: ['get', 'ns', '-o', 'name'] },
  { what: 'projects too', want: /^project\.skerry\.dev\/acme\n$/, args: ['get', 'projects', '-o', 'name'] },
  { what: 'all namespaces are forbidden', want: /Forbidden.*at the cluster scope/, args: ['get', 'clusters.skerry.dev', '-A'] },
  { what: 'another project is forbidden, there or not', want: /Forbidden/, args: ['get', 'clusters.skerry.dev', '-n', 'nowhere'] },
  { what: 'an owner gives a role', want: /created/, args: ['create', '-f', '-'], input: grant('AccessGrant', 'ed', 'editor') },
  { what: 'and applies it', want: /serverside-applied/, args: ['apply', '--server-side', '--force-conflicts', '-f', '-'], input: grant('AccessGrant', 'ed', 'viewer') },
  { what: 'grants in a Table', want: /ROLE +FIRST SUBJECT[\s\S]*ed +viewer +ed/, args: ['get', 'accessgrants'] },
  { what: 'explain', want: /exports keys and gives access/, args: ['explain', 'accessgrants.spec.role'] },
  { what: 'but none over the installation', want: /Forbidden/, args: ['create', '-f', '-'], input: grant('ClusterAccessGrant', 'ed', 'auditor') },
]
const watch: Check = { what: 'A4 a watch ends when the role does', want: /forbidden/i, args: ['get', 'events', '--watch-only'], forMs: 15_000 }
const afterwards: readonly Check[] = [
  { what: 'A4 what the role opened is closed', want: /Forbidden/, args: ['get', 'events'] },
]
const revoked: Check = { what: 'A4 a revoked certificate lets nobody in', want: /must be logged in|Unauthorized/, args: ['get', 'ns'] }

/** `one` runs a check with a kubeconfig and answers whether it passed. Answers how many did not. */
export const checkAccess = async (kubeconfig: string, one: (c: Check) => Promise<boolean>): Promise<number> => {
  const bed = await startAccessBed({ tls: true })
  const own = await bed.kubeconfigFor(bootstrapUser)
  const admin = httpResources(readKubeconfig('/k', () => own).options)
  const by = { manager: 'e2e' }
  let failed = 0
  const run = async (c: Check): Promise<void> => { if (!(await one(c))) failed++ }
  try {
    for (const name of ['acme', 'other']) await admin.create(Project, { metadata: { name }, spec: {} }, by)
    await admin.create(AccessGrant, { metadata: { name: 'tess', namespace: 'acme' }, spec: { role: 'owner', subjects: [{ kind: 'User', name: 'tess' }] } }, by)
    await writeFile(kubeconfig, (await bed.kubeconfigFor('tess')).replace('"user": "skerry"', '"user": "skerry", "namespace": "acme"'))
    for (const c of before) await run(c)
    const watched = run(watch)
    // It must have begun to watch; how long that takes is kubectl's affair.
    await sleep(2_000)
    await admin.delete(AccessGrant, { namespace: 'acme', name: 'tess' }, by)
    await watched
    for (const c of afterwards) await run(c)
    await admin.delete(ClientCertificate, { namespace: '', name: 'tess' }, by)
    await run(revoked)
    return failed
  } finally {
    await admin.close()
    await bed.close()
  }
}
