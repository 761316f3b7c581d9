import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { afterUpdate, apply, type Owned, type Writer } from './apply.ts'
import { compile } from './schema.ts'
import { apiStatusOf } from './status.ts'
import { LabCluster } from './testing/lab-kind.ts'
import { copy, equal, type Mutable } from './values.ts'

const { schema } = compile(LabCluster)
const by = (manager: string, operation: Writer['operation'] = 'Apply'): Writer => ({ manager, operation, subresource: '', apiVersion: 'lab.skerry.test/v1', time: '2026-01-01T00:00:00Z' })

/** A live object with its managedFields. */
const onto = (live: Mutable | undefined, manager: string, spec: Mutable, force = false): Mutable => {
  const { object, managedFields } = apply(live, { spec }, schema, by(manager), force)
  return { ...object, metadata: { ...(object['metadata'] as Mutable | undefined), managedFields } }
}
const updated = (live: Mutable | undefined, manager: string, spec: Mutable): Mutable => {
  const after = { ...copy(live ?? {}), spec }
  return { ...after, metadata: { managedFields: afterUpdate(live, after, schema, by(manager, 'Update')) } }
}
const fieldsOf = (o: Mutable, manager: string): unknown => ((o['metadata'] as Mutable)['managedFields'] as readonly Owned[]).find((e) => e.manager === manager)?.fieldsV1

describe('A3 server-side apply', () => {
  test('A3 what a manager no longer applies goes, what others own stays', () => {
    let o = onto(undefined, 'a', { site: 's', tags: ['x', 'y'], options: { k: '1', l: '2' } })
    o = onto(o, 'b', { options: { l: '2' } })
    o = onto(o, 'a', { site: 's' })
    expect(o['spec']).toEqual({ site: 's', options: { l: '2' } })
    expect(fieldsOf(o, 'a')).toEqual({ 'f:spec': { 'f:site': {} } })
  })

  test('A3 list maps merge by key: each manager owns its items', () => {
    let o = onto(undefined, 'a', { site: 's', pools: [{ name: 'x', size: 1 }, { name: 'y', size: 1 }] })
    o = onto(o, 'b', { pools: [{ name: 'z', size: 3 }] })
    expect((o['spec'] as Mutable)['pools']).toEqual([{ name: 'x', size: 1 }, { name: 'y', size: 1 }, { name: 'z', size: 3 }])
    o = onto(o, 'a', { site: 's', pools: [{ name: 'y', size: 2 }] })
    expect((o['spec'] as Mutable)['pools']).toEqual([{ name: 'y', size: 2 }, { name: 'z', size: 3 }])
  })

  test('A3 an item stays while a manager applies it; who only changed a field of it does not keep it', () => {
    let o = onto(undefined, 'a', { site: 's', pools: [{ name: 'x' }] })
    o = updated(o, 'b', { site: 's', pools: [{ name: 'x', size: 5 }] })
    o = onto(o, 'c', { pools: [{ name: 'x' }] })
    o = onto(o, 'a', { site: 's' })
    expect((o['spec'] as Mutable)['pools']).toEqual([{ name: 'x', size: 5 }])
    o = onto(o, 'a', { site: 's', pools: [{ name: 'y' }] })
    o = onto(o, 'c', {})
    expect((o['spec'] as Mutable)['pools']).toEqual([{ name: 'y' }])
    expect(fieldsOf(o, 'b')).toBeUndefined()
  })

  test('A3 sets merge, atomic lists are replaced whole', () => {
    let o = onto(undefined, 'a', { site: 's', tags: ['x'], zones: ['1', '2'] })
    o = onto(o, 'b', { tags: ['y'] })
    expect((o['spec'] as Mutable)['tags']).toEqual(['x', 'y'])
    expect(() => onto(o, 'b', { zones: ['1', '3'] })).toThrow('conflict with "a": .spec.zones')
    o = onto(o, 'b', { zones: ['3'] }, true)
    expect((o['spec'] as Mutable)['zones']).toEqual(['3'])
    expect(fieldsOf(o, 'a')).toEqual({ 'f:spec': { 'f:site': {}, 'f:tags': { 'v:"x"': {} } } })
  })

  test('A3 a conflict names managers and fields; the same value is shared; force takes over', () => {
    const o = updated(onto(undefined, 'a', { site: 's', pools: [{ name: 'x', size: 1 }] }), 'editor', { site: 's', replicas: 4, pools: [{ name: 'x', size: 1 }] })
    expect(onto(o, 'b', { site: 's' })['spec']).toEqual(o['spec'])
    let status
    try { onto(o, 'b', { site: 't', replicas: 5, pools: [{ name: 'x', size: 2 }] }) } catch (e) { status = apiStatusOf(e) }
    expect(status).toMatchObject({ code: 409, reason: 'Conflict', details: { causes: [
      { reason: 'FieldManagerConflict', message: 'conflict with "a"', field: '.spec.site' },
      { reason: 'FieldManagerConflict', message: 'conflict with "a"', field: '.spec.pools[name="x"].size' },
      { reason: 'FieldManagerConflict', message: 'conflict with "editor" using lab.skerry.test/v1', field: '.spec.replicas' },
    ] } })
    const forced = onto(o, 'b', { site: 't' }, true)
    expect(fieldsOf(forced, 'a')).toEqual({ 'f:spec': { 'f:pools': { 'k:{"name":"x"}': { '.': {}, 'f:name': {}, 'f:size': {} } } } })
  })

  test('A3 an update owns what it changed and takes it from others; what it removes nobody owns', () => {
    let o = onto(undefined, 'a', { site: 's', options: { k: '1', l: '2' } })
    o = updated(o, 'editor', { site: 't', options: { k: '1' } })
    expect(fieldsOf(o, 'a')).toEqual({ 'f:spec': { 'f:options': { 'f:k': {} } } })
    expect(fieldsOf(o, 'editor')).toEqual({ 'f:spec': { 'f:site': {} } })
  })

  test('A3 kubectl may hand its fields from Update to Apply: what it forgets then goes, and only that', () => {
    const live = updated(undefined, 'kubectl', { site: 's', options: { k: '1', l: '2' } })
    const [entry] = (live['metadata'] as Mutable)['managedFields'] as readonly Owned[]
    const moved = { ...live, metadata: { managedFields: afterUpdate(live, live, schema, by('kubectl', 'Update'), [{ ...entry, operation: 'Apply' }]) } }
    expect(onto(moved, 'kubectl', { site: 's', options: { k: '1' } })['spec']).toEqual({ site: 's', options: { k: '1' } })
  })
})

/** A list of items with keys has some: of none nothing is applied, so that it stays or goes with what others own, as in structured-merge-diff. */
const spec = fc.record({
  site: fc.constantFrom('s', 't'), replicas: fc.integer({ min: 1, max: 3 }), tags: fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { minLength: 1 }), zones: fc.array(fc.constantFrom('1', '2'), { maxLength: 2 }),
  options: fc.dictionary(fc.constantFrom('k', 'l'), fc.constantFrom('1', '2')),
  pools: fc.uniqueArray(fc.record({ name: fc.constantFrom('x', 'y', 'z'), size: fc.integer({ min: 1, max: 2 }) }, { requiredKeys: ['name'] }), { selector: (p) => p.name, minLength: 1 }),
}, { requiredKeys: [] })
const step = fc.record({ manager: fc.constantFrom('a', 'b', 'c'), spec })

describe('A3 whatever is applied, by whomever', () => {
  const after = (steps: readonly { readonly manager: string; readonly spec: unknown }[]): Mutable => steps.reduce<Mutable>((o, s) => onto(o, s.manager, copy(s.spec) as Mutable, true), { metadata: {}, spec: {} })

  test('A3 an apply by force has what it says, and again changes nothing', () => {
    fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), (steps) => {
      const o = after(steps)
      const last = steps.at(-1)!
      const applied = last.spec as Mutable
      const live = (o['spec'] ?? {}) as Mutable
      for (const k of ['site', 'replicas', 'zones']) if (applied[k] !== undefined) expect(live[k]).toEqual(applied[k])
      for (const t of (applied['tags'] ?? []) as string[]) expect(live['tags']).toContain(t)
      for (const p of (applied['pools'] ?? []) as Mutable[]) expect((live['pools'] as Mutable[]).find((q) => q['name'] === p['name'])).toMatchObject(p)
      const again = onto(o, last.manager, copy(applied), false)
      expect(equal(again, o)).toBe(true)
    }), { numRuns: 100 })
  })

  test('A3 when all managers apply nothing more, nothing is left', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
      const o = ['a', 'b', 'c'].reduce<Mutable>((live, manager) => onto(live, manager, {}, true), after(steps))
      const left = Object.values((o['spec'] ?? {}) as Mutable).filter((v) => !(typeof v === 'object' && Object.keys(v as object).length === 0))
      expect(left).toEqual([])
    }), { numRuns: 100 })
  })
})
