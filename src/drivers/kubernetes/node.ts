/** A Node as controllers see it. Only what is named here is kept. */
import type { KubeNode } from './kubernetes.ts'
import { list, object, text, texts, type Json } from './answer.ts'

export const toNode = (n: Json): KubeNode => {
  const metadata = object(n['metadata'])
  const spec = object(n['spec'])
  const status = object(n['status'])
  const info = object(status['nodeInfo'])
  return {
    name: text(metadata['name']), uid: text(metadata['uid'], 64), providerId: text(spec['providerID']),
    ready: list(status['conditions']).some((c) => object(c)['type'] === 'Ready' && object(c)['status'] === 'True'),
    unschedulable: spec['unschedulable'] === true,
    kubeletVersion: text(info['kubeletVersion'], 64), osImage: text(info['osImage'], 128),
    internalIps: list(status['addresses']).slice(0, 32).map(object).filter((a) => a['type'] === 'InternalIP').map((a) => text(a['address'], 45)),
    labels: texts(metadata['labels']),
  }
}

const sameTexts = (a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean => {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((k) => a[k] === b[k])
}
/** A kubelet's heartbeat changes nothing that is kept. */
export const isSameNode = (a: KubeNode, b: KubeNode): boolean =>
  a.uid === b.uid && a.name === b.name && a.providerId === b.providerId && a.ready === b.ready && a.unschedulable === b.unschedulable
  && a.kubeletVersion === b.kubeletVersion && a.osImage === b.osImage
  && a.internalIps.length === b.internalIps.length && a.internalIps.every((ip, i) => ip === b.internalIps[i]) && sameTexts(a.labels, b.labels)
