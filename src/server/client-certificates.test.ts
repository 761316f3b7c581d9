import { X509Certificate } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ClientCertificate, Project } from '../api/index.ts'
import { newKeyAndRequest } from '../cli/csr.ts'
import { httpResources, readKubeconfig, type HttpResources } from '../client/index.ts'
import { createTransport } from '../client/transport.ts'
import { failureOf } from '../engine/errors.ts'
import { newClient, type Pair } from './platform-pki.ts'
import { bootstrapUser } from './bootstrap.ts'
import { ours, startAccessBed, type AccessBed } from './testing/access-bed.ts'

const hour = 3_600_000
let bed: AccessBed
let at: number
let admin: HttpResources
const open: HttpResources[] = []

const of = (pair: Pair) => ({ server: bed.lab.listening.url, tls: { ca: bed.pki.authority.crt, cert: pair.crt, key: pair.key } })
const as = (pair: Pair): HttpResources => {
  const r = httpResources(of(pair))
  open.push(r)
  return r
}
const projects = (r: HttpResources) => r.request({ method: 'GET', path: `${ours}/projects` }).then(() => 200, (error: unknown) => failureOf(error)?.code)
const make = (name: string, spec: object = {}) => admin.create(ClientCertificate, { metadata: { name }, spec: { user: name, groups: [], purpose: 'Person', renewableDays: 90, ...spec } }, { manager: 'test' })
const ask = async (r: HttpResources, name: string, spec: object = {}): Promise<Pair & { readonly expiresAt: string }> => {
  const { key, csr } = await newKeyAndRequest('P-256')
  const { status } = (await r.post(ClientCertificate, { namespace: '', name }, 'certificate', { spec: { csr, ...spec } })) as { status: { certificate: string; expiresAt: string } }
  return { crt: status.certificate, key, expiresAt: status.expiresAt }
}
const refusal = (p: Promise<unknown>) => p.then(() => 'done', (error: unknown) => { const f = failureOf(error); return `${f?.code} ${(f?.details?.causes ?? []).map((c) => c.field ?? '').join()}`.trim() })

beforeEach(async () => {
  at = Math.floor(Date.now() / 1000) * 1000
  bed = await startAccessBed({ tls: true, now: () => new Date(at) })
  const kubeconfig = await bed.kubeconfigFor(bootstrapUser)
  admin = httpResources(readKubeconfig('/k', () => kubeconfig).options)
  open.push(admin)
  await admin.create(Project, { metadata: { name: 'acme' }, spec: {} }, { manager: 'test' })
})
afterEach(async () => {
  for (const r of open.splice(0)) await r.close()
  await bed.close()
})

test('A4 a person\'s certificate lives for a day, a site\'s for 90, and each names the object that it can be revoked by', async () => {
  await make('tess', { groups: ['staff'] })
  await make('sto1', { user: 'skerry:site:sto1', purpose: 'Site' })
  const person = await ask(admin, 'tess')
  const cert = new X509Certificate(person.crt)
  const { metadata } = (await admin.get(ClientCertificate, { namespace: '', name: 'tess' }))!
  expect([cert.subject, cert.subjectAltName, cert.ca, Date.parse(cert.validTo) - at]).toEqual(['CN=tess\nO=staff', `URI:urn:skerry:certificate:tess:${metadata.uid}`, false, 24 * hour])
  expect(Date.parse((await ask(admin, 'sto1')).expiresAt) - at).toBe(90 * 24 * hour)
  expect(await refusal(ask(admin, 'tess', { expirationSeconds: 86_401 }))).toBe('422 spec.expirationSeconds')
  expect(await refusal(ask(admin, 'sto1', { expirationSeconds: 90 * 86_400 + 1 }))).toBe('422 spec.expirationSeconds')
  expect((await admin.get(ClientCertificate, { namespace: '', name: 'tess' }))!.status?.last).toEqual({ serial: cert.serialNumber.toLowerCase(), issuedAt: new Date(at).toISOString(), expiresAt: person.expiresAt })
})

test('A4 on a connection that stays open an expired certificate is refused', async () => {
  const tess = as(await (await make('tess'), ask(admin, 'tess', { expirationSeconds: 3600 })))
  expect(await projects(tess)).toBe(403)
  at += hour - 1000
  expect(await projects(tess)).toBe(403)
  at += 1000
  expect(await projects(tess)).toBe(401)
})

test('A4 a revoked certificate is refused at once, on connections and watches that stand, and one made anew under its name does not bring it back', async () => {
  await make('tess')
  await admin.request({ method: 'POST', path: `${ours}/namespaces/acme/accessgrants`, body: { metadata: { name: 'g' }, spec: { role: 'viewer', subjects: [{ kind: 'User', name: 'tess' }] } } })
  const pair = await ask(admin, 'tess')
  const tess = as(pair)
  const transport = createTransport(of(pair))
  expect(await projects(tess)).toBe(200)
  const watch = transport.stream({ method: 'GET', path: `${ours}/namespaces/acme/clusters`, query: { watch: true, allowWatchBookmarks: true, sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' } })[Symbol.asyncIterator]()
  expect((await watch.next()).value).toMatchObject({ type: 'BOOKMARK' })
  await admin.delete(ClientCertificate, { namespace: '', name: 'tess' }, { manager: 'test' })
  expect(await projects(tess)).toBe(401)
  expect((await watch.next()).value).toMatchObject({ type: 'ERROR', object: { code: 401, reason: 'Unauthorized' } })
  await transport.close()
  await make('tess')
  expect(await projects(tess)).toBe(401)
  expect(await projects(as(await ask(admin, 'tess')))).toBe(200)
})

test('A4 its holder renews a certificate, and no other, until the days given are over', async () => {
  // Made 46 hours ago.
  const now = at
  at -= 46 * hour
  await make('tess', { renewableDays: 2 })
  at = now
  await make('ed')
  const first = as(await ask(admin, 'tess', { expirationSeconds: 3600 }))
  expect(await refusal(ask(first, 'ed'))).toBe('403')
  expect(await refusal(ask(first, 'nobody'))).toBe('403')
  expect((await first.get(ClientCertificate, { namespace: '', name: 'tess' }))?.spec.user).toBe('tess')
  expect(await refusal(first.list(ClientCertificate))).toBe('403')
  at += 60_000
  // Not beyond the second day.
  const second = await ask(first, 'tess')
  expect(Date.parse(second.expiresAt) - now).toBe(2 * hour)
  at = now + 2 * hour - 30_000
  expect(await refusal(ask(as(second), 'tess'))).toBe('403')
})

test('A4 what is no request of its own key is refused, and a certificate that names no object', async () => {
  await make('tess')
  const { csr } = await newKeyAndRequest('P-256')
  const der = Buffer.from(csr.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
  der[der.length - 1]! ^= 1
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
  for (const bad of ['nonsense', forged]) expect(await refusal(admin.post(ClientCertificate, { namespace: '', name: 'tess' }, 'certificate', { spec: { csr: bad } }))).toBe('422 spec.csr')
  const stray = await newClient(bed.pki.authority, { user: bootstrapUser, groups: [], object: { name: 'tess', uid: crypto.randomUUID() } }, new Date(at + hour), new Date(at))
  expect(await projects(as(stray))).toBe(401)
})

test('A4 nobody gets a certificate in the platform\'s own names, and whom one is for does not change', async () => {
  expect(await refusal(make('x', { user: 'skerry:site' }))).toBe('422 spec.user')
  expect(await refusal(make('x', { groups: ['skerry:sites'] }))).toBe('422 spec.groups[0]')
  expect(await refusal(make('x', { user: 'tess', purpose: 'Site' }))).toBe('422 spec.user')
  await make('tess')
  expect(await refusal(admin.request({ method: 'PATCH', path: `${ours}/clientcertificates/tess`, contentType: 'application/merge-patch+json', body: { spec: { user: 'ada' } } }))).toBe('422 spec')
})
