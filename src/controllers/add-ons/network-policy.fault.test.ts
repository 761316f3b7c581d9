/** Who can read the keys (rule T5): a release's policy is applied with its own pod network, and people are told where pods are not held back. */
import { afterEach, expect, test } from 'vitest'
import { Cluster, Release } from '../../api/index.ts'
import { condition } from '../../api/meta/index.ts'
import { failureOf } from '../../engine/errors.ts'
import { openWorld, type World } from '../../../testkit/world.ts'
import { manifestsOf } from './index.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })

const map = (name: string) => ({ manifest: `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: kube-system }\n` })
const policy = { manifest: 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: no-metadata, namespace: default }\nspec: { podSelector: {}, policyTypes: [Egress], egress: [{ to: [{ ipBlock: { cidr: 0.0.0.0/0, except: [169.254.169.254/32] } }] }] }\n' }
const release = (more: object): Release => ({ spec: { addOns: [{ name: 'x', ...map('add-on') }], ...more } }) as never
const cluster = (cni: string): Cluster => ({ spec: { network: { cni } } }) as never
const whole = { cni: map('cni'), networkPolicy: policy }

test.each<[string, Cluster, Release, readonly string[]]>([
  ['the release\'s own pod network', cluster('release'), release(whole), ['skerry:cluster-admins', 'cni', 'no-metadata', 'add-on']],
  ['flannel', cluster('flannel'), release(whole), ['skerry:cluster-admins', 'add-on']],
  ['none', cluster('none'), release(whole), ['skerry:cluster-admins', 'add-on']],
  ['a release without a policy', cluster('release'), release({ cni: map('cni') }), ['skerry:cluster-admins', 'cni', 'add-on']],
])('T5 with %s: what is applied, in order', (_, c, r, want) => expect(manifestsOf(c, r).objects.map((o) => o.metadata.name)).toEqual(want))

test.each([
  ['flannel', whole, { status: 'True', reason: 'MetadataReachable', message: expect.stringContaining('flannel cannot keep pods from 169.254.169.254') }],
  ['release', { cni: map('cni') }, { status: 'True', reason: 'MetadataReachable', message: expect.stringContaining('brings no network policy') }],
  ['release', whole, { status: 'False', reason: 'MetadataProtected' }],
])('T5 with pod network %s and %o: the condition says whether pods reach the metadata service', async (cni, spec, want) => {
  const w = world = await openWorld()
  await w.start()
  await w.until(() => w.isSiteReady(), 'site Ready')
  await w.people.create(Release, { metadata: { name: 'own' }, spec: { talosVersion: 'v1.13.9', kubernetesVersion: 'v1.36.3', installerImage: 'i', ...spec } }, { manager: 'people' })
  await w.people.create(Cluster, { metadata: { name: 'first', namespace: 'demo' }, spec: { site: 'sim', release: 'own', controlPlane: { replicas: 1, machineType: 'b2.c4r8' }, network: { cni } } }, { manager: 'people' })
  const early = new Set<string | undefined>()
  await w.until(async () => {
    const c = (await w.cluster())!
    if (c.status?.addOns === undefined) early.add(condition(c, 'MetadataReachable')?.reason)
    return w.isReady()
  }, 'Ready')
  expect(early).not.toContain('MetadataProtected')
  const said = condition((await w.cluster())!, 'MetadataReachable')
  expect(said).toMatchObject(want)
  expect(said?.fault).toBeUndefined()
}, 60_000)

test('T5 a policy without a pod network of the release is refused at its field', async () => {
  const w = world = await openWorld()
  const made = w.people.create(Release, { metadata: { name: 'own' }, spec: { talosVersion: 'v1.13.9', kubernetesVersion: 'v1.36.3', installerImage: 'i', networkPolicy: policy } }, { manager: 'people' })
  expect(await made.then(() => [], (e: unknown) => failureOf(e)?.details?.causes?.map((c) => c.field))).toEqual(['spec.networkPolicy'])
}, 30_000)
