/** `/scale`: an autoscaling/v1 Scale as a view of a kind's replicas. */
import type { Served } from './served.ts'
import { badRequest } from './status.ts'
import { isObject, type Mutable } from './values.ts'

const at = (o: Mutable, path: string | undefined): unknown => (path === undefined ? undefined : path.split('.').filter((p) => p !== '').reduce<any>((v, k) => v?.[k], o))
const set = (o: Mutable, path: string, value: unknown): Mutable => {
  const [first, ...rest] = path.split('.').filter((p) => p !== '') as [string, ...string[]]
  return { ...o, [first]: rest.length === 0 ? value : set((o[first] ?? {}) as Mutable, rest.join('.'), value) }
}

export const scaleOf = (served: Served, o: Mutable): Mutable => {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = o['metadata'] as Mutable
  const scale = served.kind.scale!
  return {
    kind: 'Scale', apiVersion: 'autoscaling/v1', metadata: { name, namespace, uid, resourceVersion, creationTimestamp }, spec: { replicas: at(o, scale.specReplicasPath) ?? 0 },
    status: { replicas: at(o, scale.statusReplicasPath) ?? 0, ...(at(o, scale.labelSelectorPath) !== undefined && { selector: at(o, scale.labelSelectorPath) }) },
  }
}
export const fromScale = (served: Served, scale: Mutable, live: Mutable): Mutable => {
  const replicas = isObject(scale['spec']) ? scale['spec']['replicas'] : undefined
  if (typeof replicas !== 'number') throw badRequest('spec.replicas is required')
  const { resourceVersion } = scale['metadata'] as Mutable
  const o = set(live, served.kind.scale!.specReplicasPath, replicas)
  return { ...o, metadata: { ...(o['metadata'] as Mutable), resourceVersion } }
}
