/** What a simulated node takes out of its machine configuration: user data as Talos finds it on the config drive. */
import { gunzipSync } from 'node:zlib'
import { parse } from 'yaml'
import type { KeyPair } from '../talos.ts'

export interface NodeConfig {
  readonly role: 'controlplane' | 'worker'
  readonly hostname: string | undefined
  readonly clusterId: string
  readonly clusterName: string
  readonly endpointHost: string
  /** Where the node's own /etc/hosts sends the endpoint's name. */
  readonly endpointAddresses: readonly string[]
  /** The key is empty on workers. */
  readonly os: KeyPair
  readonly kubernetes: KeyPair
  readonly apidSans: readonly string[]
  readonly apiServerSans: readonly string[]
  readonly validSubnets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly taints: readonly { readonly key: string; readonly value?: string; readonly effect: string }[]
  /** `machine.nodeTaints`, which a worker is not allowed to apply, and then its labels are not applied either. */
  readonly hasNodeTaints: boolean
  readonly kubernetesVersion: string
  readonly schedulable: boolean
}

type Tree = { readonly [key: string]: Tree } | readonly Tree[] | string | undefined | null
const at = (tree: Tree, ...path: readonly string[]): Tree => path.reduce<Tree>((t, key) => (typeof t === 'object' && t !== null && !Array.isArray(t) ? (t as { readonly [k: string]: Tree })[key] : undefined), tree)
const text = (tree: Tree, ...path: readonly string[]): string => { const v = at(tree, ...path); return typeof v === 'string' ? v : '' }
const list = (tree: Tree, ...path: readonly string[]): readonly string[] => { const v = at(tree, ...path); return Array.isArray(v) ? v.map(String) : [] }
const items = (tree: Tree, ...path: readonly string[]): readonly Tree[] => { const v = at(tree, ...path); return Array.isArray(v) ? (v as readonly Tree[]) : [] }
const map = (tree: Tree, ...path: readonly string[]): Readonly<Record<string, string>> => { const v = at(tree, ...path); return typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Record<string, string>) : {} }
const pair = (tree: Tree, ...path: readonly string[]): KeyPair => ({ crt: Buffer.from(text(tree, ...path, 'crt'), 'base64').toString(), key: Buffer.from(text(tree, ...path, 'key'), 'base64').toString() })

/** Machines of a pool share all documents but the one with their name; YAML is parsed once for each text. */
const parsed = new Map<string, Tree>()
const parseOnce = (document: string): Tree => {
  const have = parsed.get(document)
  if (have !== undefined) return have
  const tree = parse(document, { schema: 'failsafe' }) as Tree
  if (parsed.size >= 512) parsed.delete(parsed.keys().next().value!)
  parsed.set(document, tree)
  return tree
}

const gzipMagic = 0x1f8b

/** Undefined: nothing that Talos would take for a configuration, so it waits in maintenance. Throws when it is one that cannot be read. */
export const readUserData = (userData: Buffer): NodeConfig | undefined => {
  const plain = userData.length >= 2 && userData.readUInt16BE(0) === gzipMagic ? gunzipSync(userData).toString() : userData.toString()
  return plain.trim() === '' || plain.startsWith('#cloud-config') ? undefined : readConfig(plain)
}

const readConfig = (yaml: string): NodeConfig | undefined => {
  const documents = yaml.split(/^---\n/m).filter((d) => d.trim() !== '').map(parseOnce)
  const base = documents.find((d) => at(d, 'version') === 'v1alpha1')
  if (base === undefined) return undefined
  const ofKind = (kind: string) => documents.filter((d) => at(d, 'kind') === kind)
  const role = text(base, 'machine', 'type')
  if (role !== 'controlplane' && role !== 'worker') throw new Error(`machine.type is ${role === '' ? 'missing' : role}`)
  const endpointHost = new URL(text(base, 'cluster', 'controlPlane', 'endpoint')).hostname
  return {
    role, endpointHost,
    hostname: ofKind('HostnameConfig').map((d) => text(d, 'hostname'))[0] || undefined,
    clusterId: text(base, 'cluster', 'id'), clusterName: text(base, 'cluster', 'clusterName'),
    endpointAddresses: /^[\d.]+$|:/.test(endpointHost) ? [endpointHost] : ofKind('StaticHostConfig').filter((d) => list(d, 'hostnames').includes(endpointHost)).map((d) => text(d, 'name')),
    os: pair(base, 'machine', 'ca'), kubernetes: pair(base, 'cluster', 'ca'),
    apidSans: list(base, 'machine', 'certSANs'), apiServerSans: list(base, 'cluster', 'apiServer', 'certSANs'),
    validSubnets: list(base, 'machine', 'kubelet', 'nodeIP', 'validSubnets'),
    labels: map(base, 'machine', 'nodeLabels'),
    taints: items(base, 'machine', 'kubelet', 'extraConfig', 'registerWithTaints').map((t) => ({ key: text(t, 'key'), effect: text(t, 'effect'), ...(text(t, 'value') !== '' && { value: text(t, 'value') }) })),
    hasNodeTaints: Object.keys(map(base, 'machine', 'nodeTaints')).length > 0,
    kubernetesVersion: text(base, 'machine', 'kubelet', 'image').split(':').at(-1) ?? '',
    schedulable: text(base, 'cluster', 'allowSchedulingOnControlPlanes') === 'true',
  }
}
