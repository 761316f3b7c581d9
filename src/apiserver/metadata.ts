/** What metadata may say: names, labels, annotations, finalizers, by Kubernetes' rules. */
import type { FieldError } from '../api/meta/index.ts'
import { fieldErrors, validateMetadata } from './schema.ts'
import { equal, shown, type Mutable } from './values.ts'

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const labelKey = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/
const finalizersOfKubernetes: readonly string[] = ['foregroundDeletion', 'orphan', 'kubernetes']
const annotationsAtMost = 262_144
const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
const ownerParts = ['apiVersion', 'kind', 'name', 'uid'] as const
type Owner = Readonly<Record<(typeof ownerParts)[number], string>> & { readonly controller?: boolean }
const short = (v: unknown): string => `"${shown(v).slice(0, 100)}"`

const nameErrors = (name: unknown, isLoose: boolean): readonly FieldError[] => {
  const field = 'metadata.name'
  if (typeof name !== 'string' || name === '') return [{ field, reason: 'FieldValueRequired', message: 'name or generateName is required' }]
  // Every name is a segment of a path; kinds without a schema (ClusterRoles) have names with colons.
  if (name.length > 253 || (isLoose ? name === '.' || name === '..' || /[/%\p{Cc}]/u.test(name) : !subdomain.test(name)))
    return [{ field, reason: 'FieldValueInvalid', message: `${short(name)}: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character` }]
  return []
}

/** A prefix may end as no name may. */
const prefixErrors = (prefix: unknown, isLoose: boolean): readonly FieldError[] =>
  (prefix === undefined || prefix === '' ? [] : nameErrors(shown(prefix).replace(/-$/, 'a'), isLoose).map((e) => ({ ...e, field: 'metadata.generateName' })))

/** Fields that are not of their types: nothing else can be said of such metadata. What is absent is empty here. */
export const metadataTypeErrors = (m: Mutable): readonly FieldError[] =>
  (validateMetadata(m) ? [] : fieldErrors(validateMetadata.errors?.filter((e) => e.keyword !== 'required'), m).map((e) => ({ ...e, field: `metadata.${e.field}` })))

/** Finalizers of which nobody can tell whose they are. */
export const withoutDomain = (m: Mutable): readonly string[] => ((m['finalizers'] ?? []) as readonly string[]).filter((f) => f !== '' && !f.includes('/') && !finalizersOfKubernetes.includes(f))

/** What nobody changes who changes the rest. */
export const immutableErrors = (m: Mutable, before: Mutable): readonly FieldError[] =>
  ['deletionTimestamp', 'deletionGracePeriodSeconds'].filter((k) => (m[k] ?? null) !== null && !equal(m[k], before[k])).map((k) => ({ field: `metadata.${k}`, reason: 'FieldValueInvalid', message: `${short(m[k])}: field is immutable` }))

/** Takes out owners that stand twice, in place; answers their uids. */
export const dropOwnersTwice = (m: Mutable): readonly string[] => {
  const owners = (m['ownerReferences'] ?? []) as readonly Owner[]
  const seen = new Set<string>()
  const [first, twice]: [Owner[], Owner[]] = [[], []]
  for (const o of owners) {
    const key = JSON.stringify(Object.entries(o).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    ;(seen.has(key) ? twice : first).push(o)
    seen.add(key)
  }
  if (twice.length > 0) m['ownerReferences'] = first
  return [...new Set(twice.map((o) => o.uid))]
}

export const metadataErrors = (m: Mutable, isLoose: boolean): readonly FieldError[] => {
  const errors: FieldError[] = [...prefixErrors(m['generateName'], isLoose), ...nameErrors(m['name'], isLoose)]
  const { namespace } = m
  if (namespace !== undefined && !dnsLabel.test(String(namespace))) errors.push({ field: 'metadata.namespace', reason: 'FieldValueInvalid', message: `${short(namespace)}: a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', at most 63` })
  for (const [k, v] of Object.entries((m['labels'] ?? {}) as Readonly<Record<string, string>>)) {
    if (!labelKey.test(k)) errors.push({ field: 'metadata.labels', reason: 'FieldValueInvalid', message: `${short(k)}: name part must consist of alphanumeric characters, '-', '_' or '.'` })
    if (!labelValue.test(v)) errors.push({ field: 'metadata.labels', reason: 'FieldValueInvalid', message: `${short(v)}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', at most 63` })
  }
  const annotations = Object.entries((m['annotations'] ?? {}) as Readonly<Record<string, string>>)
  for (const [k] of annotations) if (!labelKey.test(k.toLowerCase())) errors.push({ field: 'metadata.annotations', reason: 'FieldValueInvalid', message: `${short(k)}: name part must consist of alphanumeric characters, '-', '_' or '.'` })
  if (annotations.reduce((size, [k, v]) => size + k.length + v.length, 0) > annotationsAtMost) errors.push({ field: 'metadata.annotations', reason: 'FieldValueTooLong', message: `may not be more than ${annotationsAtMost} bytes` })
  for (const f of (m['finalizers'] ?? []) as readonly string[]) if (!labelKey.test(f)) errors.push({ field: 'metadata.finalizers', reason: 'FieldValueInvalid', message: `${short(f)}: name part must consist of alphanumeric characters, '-', '_' or '.'` })
  if (['orphan', 'foregroundDeletion'].every((f) => (m['finalizers'] as readonly string[] | undefined)?.includes(f))) errors.push({ field: 'metadata.finalizers', reason: 'FieldValueInvalid', message: 'orphan and foregroundDeletion cannot be both set' })
  const owners = (m['ownerReferences'] ?? []) as readonly Owner[]
  for (const o of owners) for (const part of ownerParts) if ((o[part] ?? '') === '') errors.push({ field: `metadata.ownerReferences.${part}`, reason: 'FieldValueInvalid', message: 'must not be empty' })
  if (owners.filter((o) => o.controller === true).length > 1) errors.push({ field: 'metadata.ownerReferences', reason: 'FieldValueInvalid', message: 'only one reference can have controller set to true' })
  return errors
}
