/** `/scale`: an autoscaling/v1 Scale as a view of a kind's replicas, with fields owned under the subresource `scale` (rule A3). */
import { apply as applyFields } from './apply.ts'
import { writerOf, type Call, type Written } from './call.ts'
import { change, type Wanted } from './commit.ts'
import { demandObject, mediaType, parseBody, patchTypes, textIn } from './decode.ts'
import { objectOf } from './objects.ts'
import { isApply, patchOf } from './patch.ts'
import { isTrue } from './request.ts'
import type { Served } from './served.ts'
import { badRequest, unsupportedMediaType } from './status.ts'
import { isObject, parseYaml, type Mutable } from './values.ts'

const steps = (path: string): readonly string[] => path.split('.').filter((p) => p !== '')
const at = (o: Mutable, path: string | undefined): unknown => (path === undefined ? undefined : steps(path).reduce<any>((v, k) => v?.[k], o))
const set = (o: Mutable, path: readonly string[], value: unknown): Mutable => {
  const [first, ...rest] = path as [string, ...string[]]
  return { ...o, [first]: rest.length === 0 ? value : set((o[first] ?? {}) as Mutable, rest, value) }
}

export const scaleOf = (served: Served, o: Mutable): Mutable => {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = o['metadata'] as Mutable
  const scale = served.kind.scale!
  const selector = at(o, scale.labelSelectorPath)
  return {
    kind: 'Scale', apiVersion: 'autoscaling/v1', metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: at(o, scale.specReplicasPath) ?? 0 }, status: { replicas: at(o, scale.statusReplicasPath) ?? 0, ...(selector !== undefined && { selector }) },
  }
}

const replicasOf = (scale: Mutable): number => {
  const replicas = isObject(scale['spec']) ? scale['spec']['replicas'] : undefined
  if (typeof replicas !== 'number' || !Number.isInteger(replicas)) throw badRequest('spec.replicas is required')
  return replicas
}

/** PUT and PATCH of `/scale`. */
export const writeScale = async (c: Call): Promise<Written> => {
  const path = steps(c.served.kind.scale!.specReplicasPath)
  const wanted = c.r.verb === 'update' ? replaced(c) : isApply(c) ? applied(c, path) : patched(c)
  const done = await change(c, (live) => wanted(live, (scale) => {
    const object = set(live, path, replicasOf(scale))
    const { resourceVersion, uid } = (scale['metadata'] ?? {}) as Mutable
    return { object: { ...object, metadata: { ...(object['metadata'] as Mutable), resourceVersion, uid } } }
  }))
  return 'row' in done ? { code: done.code, object: scaleOf(c.served, objectOf(c.served, done.row)), version: done.row.version } : { ...done, object: scaleOf(c.served, done.object as Mutable) }
}

type Change = (live: Mutable, onto: (scale: Mutable) => Wanted) => Wanted

const replaced = (c: Call): Change => {
  const scale = demandObject(parseBody(c.body, c.contentType))
  return (_live, onto) => onto(scale)
}
const patched = (c: Call): Change => {
  const change = patchOf(c)
  if (change === undefined) throw unsupportedMediaType(mediaType(c.contentType), patchTypes)
  return (live, onto) => onto(change(scaleOf(c.served, live)))
}
const applied = (c: Call, path: readonly string[]): Change => {
  const object = set({}, path, replicasOf(demandObject(parseYaml(textIn(c.body, c.contentType)))))
  const force = isTrue(c.r.query.get('force'))
  return (live) => {
    const done = applyFields(live, object, c.served.schema, writerOf(c, 'Apply'), force)
    return { object: { ...done.object, metadata: { ...(done.object['metadata'] as Mutable | undefined), name: c.r.name, namespace: (live['metadata'] as Mutable)['namespace'] } }, managedFields: done.managedFields }
  }
}
