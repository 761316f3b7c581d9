import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { newSecretsBundle } from '../pki/bundle.ts'
import type { KeyPair, MachineConfigInput, SecretsBundle } from '../talos.ts'
import { talosctl } from '../testing.ts'
import { isInvalidInput } from './invalid-input.ts'
import { reference } from './reference.ts'
import { renderMachineConfig } from './render.ts'
import { packUserData } from './user-data.ts'

const fake = (name: string): KeyPair => ({ crt: `certificate of ${name}`, key: `KEY of ${name}` })
const secrets: SecretsBundle = {
  clusterId: 'cluster id', clusterSecret: 'cluster secret', bootstrapToken: 'abcdef.0123456789abcdef', trustdToken: 'fedcba.fedcba9876543210', secretboxEncryptionSecret: 'SECRETBOX',
  certs: { os: fake('os'), etcd: fake('etcd'), k8s: fake('k8s'), k8sAggregator: fake('aggregator'), k8sServiceAccount: { key: 'KEY of service accounts' } },
}
const inputs = reference(secrets)
const documents = (yaml: string): readonly Record<string, never>[] => parseAllDocuments(yaml).map((d) => { expect(d.errors).toEqual([]); return d.toJS() as Record<string, never> })
const decoded = (yaml: string): string => yaml.replaceAll(/(?:crt|key): ([A-Za-z0-9+/=]{8,})/g, (_, b64: string) => Buffer.from(b64, 'base64').toString())

test.each(Object.keys(inputs))('the configuration %s is its golden file', async (name) => {
  await expect(renderMachineConfig(inputs[name]!)).toMatchFileSnapshot(`golden/${name}.yaml`)
})

test.runIf(talosctl !== undefined)('O10 the real talosctl finds every golden configuration valid', async () => {
  const real = reference(await newSecretsBundle({ now: new Date(), serviceAccountKey: 'ecdsa' }))
  const dir = mkdtempSync(join(tmpdir(), 'skerry-config-'))
  try {
    for (const [name, input] of Object.entries(real)) {
      writeFileSync(join(dir, name), renderMachineConfig(input), { mode: 0o600 })
      expect(execFileSync(talosctl!, ['validate', '--mode', 'cloud', '--strict', '--config', join(dir, name)], { stdio: 'pipe' }).toString()).toContain('is valid for cloud mode')
    }
  } finally { rmSync(dir, { recursive: true }) }
})

/** Everything in the text that is, or could be, the name or address of a host. */
const hostsIn = (yaml: string): ReadonlySet<string> => {
  const names = yaml.matchAll(/(?<![\w.-])((?:[a-z0-9-]+\.)+(?:[a-z]{2,})|\d+\.\d+\.\d+\.\d+)(?::\d+)?(?=[/:\s"']|$)/gim)
  return new Set([...names].map((m) => m[1]!))
}
/** API groups and label prefixes look like hosts; nothing connects to them. */
const groups = /(^|\.)(k8s\.io|kubernetes\.io|skerry\.dev)$/

test.each(['controlplane-closed-site', 'worker-closed-site'])('O10 %s names no host that is not in its Site, Release or cluster', (name) => {
  const input = inputs[name]!
  const { secrets: _, ...given } = input
  const known = hostsIn(JSON.stringify(given).replaceAll(/[",]/g, '\n'))
  const foreign = [...hostsIn(renderMachineConfig(input))].filter((h) => !known.has(h) && !groups.test(h) && h !== 'cluster.local')
  expect(foreign).toEqual([])
})

test.each(Object.keys(inputs))('O10 %s asks no discovery service and says where the time comes from', (name) => {
  const all = documents(renderMachineConfig(inputs[name]!))
  expect((all[0] as unknown as { cluster: { discovery: unknown } }).cluster.discovery).toEqual({ enabled: false })
  expect(all.filter((d) => (d as { kind?: string }).kind === 'TimeSyncConfig')).toHaveLength(1)
})

test('O10 images that a release does not name are upstream\'s of its version, and no other host is added', () => {
  const hosts = [...hostsIn(renderMachineConfig(inputs['controlplane']!))].filter((h) => !groups.test(h) || h === 'registry.k8s.io')
  expect(hosts.filter((h) => !h.endsWith('site.example') && !/^\d/.test(h) && !h.endsWith('skerry.internal') && h !== 'cluster.local').toSorted()).toEqual(['ghcr.io', 'registry.k8s.io'])
})

test.each(Object.keys(inputs))('T4 %s reaches its API by the one name, which the node itself resolves to every address', (name) => {
  const input = inputs[name]!
  const all = documents(renderMachineConfig(input)) as unknown as readonly { kind?: string; name?: string; hostnames?: string[]; cluster?: { controlPlane: { endpoint: string } } }[]
  expect(all[0]!.cluster!.controlPlane.endpoint).toBe('https://api.0d1b9c3e.skerry.internal:6443')
  expect(all.filter((d) => d.kind === 'StaticHostConfig').map((d) => [d.name, d.hostnames])).toEqual(input.cluster.endpointAddresses.map((a) => [a, ['api.0d1b9c3e.skerry.internal']]))
})

test('T5 a worker\'s configuration has no key of any authority, and a control plane\'s opens only its own cluster', () => {
  const all = decoded(renderMachineConfig(inputs['worker']!))
  expect(all).not.toContain('KEY of')
  expect(all).not.toContain('SECRETBOX')
  expect(all).not.toContain('certificate of etcd')
  expect(decoded(renderMachineConfig(inputs['controlplane']!))).toContain('KEY of etcd')
})

test.each(Object.keys(inputs))('T2 %s pins the node network and its own name', (name) => {
  const [base, ...more] = documents(renderMachineConfig(inputs[name]!)) as unknown as readonly { kind?: string; hostname?: string; machine: { kubelet: { nodeIP: unknown } }; cluster: { etcd?: { advertisedSubnets: unknown } } }[]
  expect(base!.machine.kubelet.nodeIP).toEqual({ validSubnets: ['10.6.0.0/24'] })
  if (inputs[name]!.role === 'controlplane') expect(base!.cluster.etcd!.advertisedSubnets).toEqual(['10.6.0.0/24'])
  expect(more.find((d) => d.kind === 'HostnameConfig')).toEqual({ apiVersion: 'v1alpha1', kind: 'HostnameConfig', hostname: inputs[name]!.machine.hostname })
})

test('T5 user data is gzip in base64; what Nova would not take is refused by the field', () => {
  const yaml = renderMachineConfig(inputs['controlplane']!)
  const { base64, bytes } = packUserData(yaml)
  expect(bytes).toBe(base64.length)
  expect(gunzipSync(Buffer.from(base64, 'base64')).toString()).toBe(yaml)
  let refused: unknown
  try { packUserData(randomBytes(60_000).toString('latin1')) } catch (e) { refused = e }
  expect(isInvalidInput(refused)).toBe(true)
  expect(refused).toMatchObject({ field: 'userData' })
})

test('what Talos cannot express is refused by the field', () => {
  const input = inputs['controlplane']!
  const field = (change: Partial<MachineConfigInput>): string => { try { renderMachineConfig({ ...input, ...change }) } catch (e) { if (isInvalidInput(e)) return e.field } return '' }
  expect(field({ cluster: { ...input.cluster, endpointAddresses: [] } })).toBe('endpointAddresses')
  expect(field({ site: { ...input.site, dns: ['dns.example'] } })).toBe('dns')
  expect(field({ machine: { ...input.machine, taints: [{ key: 'a', effect: 'NoSchedule' }, { key: 'a', value: 'b', effect: 'NoSchedule' }] } })).toBe('taints')
  expect(field({ release: { ...input.release, images: { pause: 'x' } } })).toBe('images.pause')
})
