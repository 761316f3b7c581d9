/** DELETE: removes what nobody holds, marks what has finalizers (rule H1). */
import type { Row } from '../store/store.ts'
import { isDryRun, keyOf, seen, storedAs, type Call, type Written } from './call.ts'
import { commit, settle } from './commit.ts'
import { demandObject, parseBody } from './decode.ts'
import { storedObject } from './objects.ts'
import { demandOptions, dryRunErrors, notSupported } from './options.ts'
import { isTrue } from './request.ts'
import { badRequest, conflict, forbidden, success, type ApiError } from './status.ts'
import { equal, seconds, shown, type Mutable } from './values.ts'

/** Keeps a namespace until it is empty. */
export const namespaceFinalizer = 'kubernetes'

const policies = ['Foreground', 'Background', 'Orphan'] as const
const isPolicy = (v: unknown): v is (typeof policies)[number] => policies.some((p) => p === v)

export interface DeleteWish {
  /** undefined: not said, as its finalizers have it. */
  readonly propagation: (typeof policies)[number] | undefined
  readonly uid: string | undefined
  readonly resourceVersion: string | undefined
  readonly dryRun: boolean
}

/** What DELETE was asked: in the body, or in the query. */
export const deleteWish = (c: Call): DeleteWish => {
  const body = c.body.length === 0 ? {} : demandObject(parseBody(c.body, c.contentType))
  if (!['DeleteOptions', undefined].includes(body['kind'])) throw badRequest(`the body is ${shown(body['kind']).slice(0, 100)}, expected DeleteOptions`)
  const saysOrphan = c.r.query.has('orphanDependents') || body['orphanDependents'] !== undefined
  const orphan = isTrue(c.r.query.get('orphanDependents')) || body['orphanDependents'] === true
  const said = c.r.query.get('propagationPolicy') ?? body['propagationPolicy']
  const dryRun: readonly unknown[] = Array.isArray(body['dryRun']) ? body['dryRun'] : []
  demandOptions(c.r, [
    ...(saysOrphan && said !== undefined ? [{ field: 'propagationPolicy', reason: 'FieldValueInvalid', message: 'orphanDependents and propagationPolicy cannot be both set' } as const] : []),
    ...(said === undefined || isPolicy(said) ? [] : [notSupported('propagationPolicy', said, policies)]), ...dryRunErrors(dryRun),
  ])
  const { uid, resourceVersion } = (body['preconditions'] ?? {}) as { readonly uid?: string; readonly resourceVersion?: string }
  return { propagation: isPolicy(said) ? said : orphan ? 'Orphan' : saysOrphan ? 'Background' : undefined, uid, resourceVersion, dryRun: isDryRun(c.r) || dryRun.includes('All') }
}

/** Marks or removes one object. `name` differs from the path's in a deletecollection. */
export const remove = (c: Call, wish: DeleteWish, name = c.r.name): Promise<Written> => {
  const key = keyOf(c, name)
  const { kind } = c.served
  // By kind, as kube-apiserver has it here and nowhere else.
  const failed = (message: string): ApiError => conflict({ group: kind.group, plural: kind.kind }, name, `Precondition failed: ${message}`)
  return settle<Written>(c, key, async (row) => {
    const live = storedObject(row)
    if (wish.uid !== undefined && wish.uid !== row.uid) throw failed(`UID in precondition: ${wish.uid}, UID in object meta: ${row.uid}`)
    if (wish.resourceVersion !== undefined && wish.resourceVersion !== String(row.version)) throw failed(`ResourceVersion in precondition: ${wish.resourceVersion}, ResourceVersion in object meta: ${row.version}`)
    const refusal = row.deleting ? undefined : c.api.admission.refuseDeletion?.(storedAs(c).kind, live as never, c.api.read, c.identity)
    if (refusal !== undefined) throw forbidden(kind, name, refusal)
    const finalizers = finalizersAfter(c, wish, row)
    if (row.deleting && equal(finalizers, row.finalizers)) return { code: 200, row }
    if (finalizers.length === 0) {
      const gone = { code: 200, object: success(kind, name, row.uid) } as const
      if (wish.dryRun) return gone
      const done = await commit(c, key, row, undefined)
      return done.kind === 'lost' ? done : { ...gone, version: done.version }
    }
    const meta = live['metadata'] as Mutable
    const begun = row.deleting ? {} : { deletionTimestamp: seconds(c.api.now()), deletionGracePeriodSeconds: 0, ...(meta['generation'] !== undefined && { generation: (meta['generation'] as number) + 1 }) }
    const after = { ...live, metadata: { ...meta, finalizers, ...begun } }
    if (wish.dryRun) return { code: 200, object: seen(c, after) }
    const done = await commit(c, key, row, after)
    return done.kind === 'lost' ? done : { code: 200, row: done.row! }
  })
}

const ofPolicy = { Foreground: ['foregroundDeletion'], Background: [], Orphan: ['orphan'] } as const
const finalizersOfPolicies: readonly string[] = Object.values(ofPolicy).flat()
/** Who says another policy later changes what was said before. */
const finalizersAfter = (c: Call, { propagation }: DeleteWish, row: Row): readonly string[] => {
  const kept = propagation === undefined ? row.finalizers : [...row.finalizers.filter((f) => !finalizersOfPolicies.includes(f)), ...ofPolicy[propagation]]
  // Somebody must take it off again.
  const isNamespace = c.api.collectsGarbage && c.api.namespaces?.resource === c.served.resource
  return [...new Set([...kept, ...(isNamespace && !row.deleting ? [namespaceFinalizer] : [])])]
}
