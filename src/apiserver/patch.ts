/** PUT and PATCH: the whole object, merge and JSON patches, server-side apply. */
import { apply as applyFields, beforeFirstApply } from './apply.ts'
import { demandAuthority } from './authority.ts'
import { admitted, checkNamespace, keyOf, seen, sent, storedAs, unseen, writerOf, type Call, type Written } from './call.ts'
import { change, standing, type Wanted } from './commit.ts'
import { createObject } from './create.ts'
import { applyType, demandObject, mediaType, patchTypes, textIn } from './decode.ts'
import { duplicateItems } from './duplicates.ts'
import { applyJsonPatch, isMisfit, parseJsonPatch } from './json-patch.ts'
import { ownPart } from './prepare.ts'
import { isTrue } from './request.ts'
import { badRequest, conflict, invalid, notFound, unprocessable, unsupportedMediaType } from './status.ts'
import { copy, isObject, parseJson, parseYaml, type Mutable } from './values.ts'

/** A custom resource is replaced only by who says what he has seen; most built-in kinds by anybody. */
const demandVersion = (c: Call, given: Mutable): void => {
  if (c.served.isLoose || !['', '0', undefined].includes((given['metadata'] as Mutable)['resourceVersion'])) return
  throw invalid({ ...c.served.kind, kind: c.served.kind.plural }, c.r.name, [{ field: 'metadata.resourceVersion', reason: 'FieldValueInvalid', message: 'must be specified for an update' }])
}

export const update = async (c: Call): Promise<Written> => {
  const given = sent(c)
  return change(c, (live) => {
    demandVersion(c, given)
    return { object: unseen(c, copy(given), live) }
  })
}

/** RFC 7386. */
export const mergePatch = (target: unknown, patch: unknown): unknown => {
  if (!isObject(patch)) return patch
  const out: Mutable = isObject(target) ? { ...target } : {}
  for (const [k, v] of Object.entries(patch)) {
    if (v === null) delete out[k]
    else out[k] = mergePatch(Object.hasOwn(out, k) ? out[k] : undefined, v)
  }
  return out
}

/** A change of the form that the client sees; undefined: not a patch by value. */
export const patchOf = (c: Call): ((live: Mutable) => Mutable) | undefined => {
  switch (mediaType(c.contentType)) {
    case 'application/merge-patch+json': {
      const body = demandObject(parseJson(textIn(c.body, c.contentType)))
      return (live) => mergePatch(copy(live), body) as Mutable
    }
    case 'application/strategic-merge-patch+json': {
      // Without a schema nobody knows how its lists merge; without lists it is a merge patch.
      const body = demandObject(parseJson(textIn(c.body, c.contentType)))
      if (!c.served.isLoose || needsStrategy(body)) return undefined
      return (live) => mergePatch(copy(live), body) as Mutable
    }
    case 'application/json-patch+json': {
      const operations = orUnprocessable(() => parseJsonPatch(parseJson(textIn(c.body, c.contentType))))
      return (live) => orUnprocessable(() => applyJsonPatch(copy(live), operations))
    }
    default: return undefined
  }
}
const orUnprocessable = <T>(run: () => T): T => {
  try { return run() } catch (error) {
    if (isMisfit(error)) throw unprocessable(error.message)
    throw error
  }
}
const needsStrategy = (v: unknown): boolean => Array.isArray(v) || (isObject(v) && Object.entries(v).some(([k, x]) => k.startsWith('$') || needsStrategy(x)))

export const isApply = (c: Call): boolean => mediaType(c.contentType) === applyType

export const patch = async (c: Call): Promise<Written> => {
  if (isApply(c)) return applyPatch(c)
  const patched = patchOf(c)
  if (patched === undefined) throw unsupportedMediaType(mediaType(c.contentType), patchTypes)
  return change(c, (live) => {
    const object = admitted(c, patched(seen(c, live)), 'patched')
    const { uid } = object['metadata'] as Mutable
    if ((uid ?? '') !== '' && uid !== (live['metadata'] as Mutable)['uid']) throw invalid(c.served.kind, c.r.name, [{ field: 'metadata.uid', reason: 'FieldValueInvalid', message: 'field is immutable' }])
    return { object: unseen(c, object, live) }
  })
}

const applyPatch = async (c: Call): Promise<Written> => {
  const given = admitted(c, demandObject(parseYaml(textIn(c.body, c.contentType))), 'applied')
  const meta = given['metadata'] as Mutable
  if (Array.isArray(meta['managedFields'])) throw badRequest('metadata.managedFields must be nil')
  const served = storedAs(c)
  const [twice] = duplicateItems(given, served.schema)
  if (twice !== undefined) throw badRequest(`failed to create typed patch object: ${twice.field}: duplicate entries for key ${twice.message}`)
  const force = isTrue(c.r.query.get('force'))
  const applied = ownPart(unseen(c, given, undefined), served, c.r.subresource)
  const writer = writerOf(c, 'Apply')
  const { resourceVersion, uid } = meta

  const create = async (): Promise<Written | undefined> => {
    if (c.r.subresource !== '') throw notFound(c.served.kind, c.r.name)
    if (typeof uid === 'string' && uid !== '') throw conflict(c.served.kind, c.r.name, `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`)
    if (typeof resourceVersion === 'string' && resourceVersion !== '') throw notFound(c.served.kind, c.r.name)
    if (meta['name'] === undefined) throw badRequest('name must be provided')
    demandAuthority(c.api, c.identity, c.r, 'create')
    await checkNamespace(c, c.r.name)
    const { object, managedFields } = applyFields(undefined, applied, served.schema, writer, true)
    return createObject(c, { ...object, metadata: { ...(object['metadata'] as Mutable | undefined), name: meta['name'], namespace: meta['namespace'] } }, () => managedFields)
  }
  const onto = (live: Mutable): Wanted => {
    const { object, managedFields } = applyFields(beforeFirstApply(live, ownPart(live, served, c.r.subresource), served.schema, writer), applied, served.schema, writer, force)
    const { name, namespace } = live['metadata'] as Mutable
    return { object: { ...object, metadata: { ...(object['metadata'] as Mutable | undefined), name, namespace, resourceVersion, uid } }, managedFields }
  }
  if ((await standing(c, keyOf(c))).row === undefined) {
    const created = await create()
    // Somebody else made it meanwhile: apply onto that.
    if (created !== undefined) return created
  }
  return change(c, onto)
}
