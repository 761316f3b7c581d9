/** A controller with children and one with an outside; between them they use all that a pass can do. */
import { controllerRef, isTrue } from '../../api/meta/index.ts'
import { settled, waiting, type Outcome } from '../outcome.ts'
import { ownedBy, ownerOf } from '../relations.ts'
import { exclusive, planned, status, type NewCondition, type Pass } from '../shapes.ts'
import { Shelf, Shop, type Board, type Warehouse } from './kinds.ts'

const ready = (pass: Pass): NewCondition => pass.error !== undefined ? { type: 'Ready', status: 'False', reason: 'Failed', message: 'the last pass failed' }
  : pass.outcome.kind === 'settled' ? { type: 'Ready', status: 'True', reason: 'Done', message: 'done' } : { type: 'Ready', status: 'False', reason: pass.outcome.reason, message: pass.outcome.message }

export const shop = () => planned<Shop, { readonly deleting: boolean; readonly shelves: readonly Shelf[]; readonly wanted: number }, { readonly kind: 'create'; readonly slot: number } | { readonly kind: 'delete'; readonly shelf: Shelf }>({
  name: 'shop', for: Shop, reads: [ownedBy(Shelf, Shop)], writes: [exclusive(Shelf), status(Shop)], outside: [], finalizer: 'skerry.dev/shop',
  async observe(object, { cached }) {
    return { deleting: object.metadata.deletionTimestamp !== undefined, shelves: cached.ownedBy(Shelf, object.metadata.uid), wanted: object.spec.shelves }
  },
  plan(seen) {
    const wanted = seen.deleting ? 0 : seen.wanted
    const slots = new Set(seen.shelves.map((s) => s.spec.slot))
    const missing = Array.from({ length: wanted }, (_, slot) => slot).filter((slot) => !slots.has(slot))
    const extra = seen.shelves.filter((s) => s.spec.slot >= wanted)
    const steps = [...missing.map((slot) => ({ kind: 'create', slot }) as const), ...extra.filter((s) => s.metadata.deletionTimestamp === undefined).map((shelf) => ({ kind: 'delete', shelf }) as const)]
    if (seen.deleting && seen.shelves.length === 0) return { steps: [{ kind: 'finish' }], outcome: settled() }
    const unready = seen.shelves.filter((s) => s.spec.slot < wanted && !isTrue(s, 'Ready')).length
    const outcome: Outcome = missing.length + extra.length + unready > 0 ? waiting('WaitingForShelves', 'shelves are coming or going', 600) : settled()
    return { steps, outcome }
  },
  async apply(step, _seen, object, context) {
    if (step.kind === 'delete') { await context.delete(Shelf, step.shelf); return }
    await context.create(Shelf, { metadata: { name: `${object.metadata.name}-${step.slot}`, namespace: object.metadata.namespace!, ownerReferences: [controllerRef(object)] }, spec: { slot: step.slot } })
  },
  status: (_object, seen, pass) => ({ ...(seen !== undefined && { ready: seen.shelves.filter((s) => isTrue(s, 'Ready')).length }), conditions: [ready(pass)] }),
})

interface ShelfSeen { readonly deleting: boolean; readonly boards: readonly Board[]; readonly recorded: string | undefined; readonly intended: string | undefined }
type ShelfStep = { readonly kind: 'intend' } | { readonly kind: 'create' } | { readonly kind: 'remove'; readonly id: string; readonly isDouble: boolean }

export const shelf = (warehouse: Warehouse, { callMs = 10_000, lookForMs = 60_000 } = {}) => planned<Shelf, ShelfSeen, ShelfStep>({
  name: 'shelf', for: Shelf, reads: [ownerOf(Shop, Shelf)], writes: [status(Shelf)], outside: ['warehouse.*'], finalizer: 'skerry.dev/shelf',
  async observe(object) {
    const boards = (await warehouse.list()).filter((b) => b.mark === object.metadata.uid)
    return { deleting: object.metadata.deletionTimestamp !== undefined, boards, recorded: object.status?.boardId, intended: object.status?.intents?.['board'] }
  },
  plan(seen, now) {
    const kept = seen.boards.find((b) => b.id === seen.recorded) ?? seen.boards[0]
    const pending = seen.intended !== undefined && now.getTime() - Date.parse(seen.intended) < lookForMs
    if (seen.deleting) {
      if (kept !== undefined) return { steps: seen.boards.map((b) => ({ kind: 'remove', id: b.id, isDouble: false })), outcome: waiting('Deleting', 'the board is going', 1) }
      return pending ? { steps: [], outcome: waiting('Looking', 'a board may still come', 5) } : { steps: [{ kind: 'finish' }], outcome: settled() }
    }
    const doubles = seen.boards.filter((b) => b !== kept).map((b) => ({ kind: 'remove', id: b.id, isDouble: true }) as const)
    if (kept === undefined && pending) return { steps: [], outcome: waiting('Looking', 'a board may still come', 5) }
    if (kept === undefined) return { steps: [{ kind: 'intend' }, { kind: 'create' }], outcome: waiting('Creating', 'the board is being made', 1) }
    return { steps: doubles, outcome: doubles.length > 0 ? waiting('Doubles', 'a second board is removed', 1) : settled() }
  },
  async apply(step, _seen, object, context) {
    switch (step.kind) {
      case 'intend': await context.record({ intents: { board: context.now.toISOString() } }); return
      case 'create': await context.creating('board', callMs, () => warehouse.create(object.metadata.uid)); return
      case 'remove':
        if (step.isDouble) context.duplicate('board')
        await context.changing('remove board', callMs, () => warehouse.remove(step.id))
    }
  },
  status(object, seen, pass) {
    const kept = seen?.boards.find((b) => b.id === seen.recorded) ?? seen?.boards[0]
    const intents = { ...object.status?.intents, ...(pass.recorded['intents'] as Readonly<Record<string, string>> | undefined) }
    return { ...(kept !== undefined ? { boardId: kept.id } : Object.keys(intents).length > 0 ? { intents } : {}), conditions: [ready(pass)] }
  },
})
