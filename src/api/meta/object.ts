/** The parts that every resource has: Kubernetes' ObjectMeta, conditions and references, as this API serves them. */

export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

export interface ManagedFieldsEntry {
  readonly manager: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly time?: string
  readonly fieldsType: 'FieldsV1'
  readonly fieldsV1: Record<string, unknown>
  readonly subresource?: string
}

export interface ObjectMeta {
  readonly name: string
  /** Empty or absent for cluster-scoped kinds. */
  readonly namespace?: string
  readonly generateName?: string
  readonly uid: string
  /** A plain decimal integer below 2⁵³ (rule S1). */
  readonly resourceVersion: string
  /** Grows with each change of spec; status writes leave it. */
  readonly generation: number
  readonly creationTimestamp: string
  readonly deletionTimestamp?: string
  readonly deletionGracePeriodSeconds?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly ownerReferences?: readonly OwnerReference[]
  readonly managedFields?: readonly ManagedFieldsEntry[]
}

/** What a caller may give when it makes an object; the server fills in the rest. */
export type NewMeta = Partial<ObjectMeta> & ({ readonly name: string } | { readonly generateName: string })

export interface Resource<Spec = unknown, Status = unknown> {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly spec: Spec
  readonly status?: Status
}

/** Whose move it is: `User` = the one who wrote the spec, `Cloud` = the OpenStack beneath, `Platform` = Skerry or its operator. */
export type Fault = 'User' | 'Cloud' | 'Platform'

export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  /** Says what is being waited for, on which object, and what to do. Holds no changing numbers (rule S8). */
  readonly message: string
  readonly fault?: Fault
  /** Moves only with `status`. */
  readonly lastTransitionTime: string
  readonly observedGeneration?: number
}

export interface Key {
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string
  readonly name: string
}

export const keyOf = (o: { readonly metadata: { readonly namespace?: string | undefined; readonly name: string } }): Key => ({ namespace: o.metadata.namespace ?? '', name: o.metadata.name })
export const keyText = (k: Key): string => (k.namespace === '' ? k.name : `${k.namespace}/${k.name}`)
export const keyFrom = (text: string): Key => {
  const at = text.indexOf('/')
  return at < 0 ? { namespace: '', name: text } : { namespace: text.slice(0, at), name: text.slice(at + 1) }
}

/** The owner reference by which a controller marks its children. */
export const controllerRef = (owner: Resource): OwnerReference => ({
  apiVersion: owner.apiVersion, kind: owner.kind, name: owner.metadata.name, uid: owner.metadata.uid, controller: true, blockOwnerDeletion: true,
})
export const controllerOf = (o: { readonly metadata: ObjectMeta }): OwnerReference | undefined => o.metadata.ownerReferences?.find((r) => r.controller === true)

/** The condition of one type, if it was ever set. */
export const condition = (o: { readonly status?: { readonly conditions?: readonly Condition[] | undefined } | undefined }, type: string): Condition | undefined =>
  o.status?.conditions?.find((c) => c.type === type)
export const isTrue = (o: Parameters<typeof condition>[0], type: string): boolean => condition(o, type)?.status === 'True'
