/** Two kinds of the engine's own tests, and an outside: a Shop has shelves, a Shelf is one object in a warehouse. */
import { z } from 'zod'
import { defineKind, type Condition, type Resource } from '../../api/meta/index.ts'
import { conditionsSchema, intentsSchema, observedSchema } from '../../api/meta/schema.ts'

export type Shop = Resource<{ readonly shelves: number }, { readonly ready?: number; readonly conditions?: readonly Condition[]; readonly observed?: Readonly<Record<string, string>> }>
export type Shelf = Resource<{ readonly slot: number }, { readonly boardId?: string; readonly intents?: Readonly<Record<string, string>>; readonly conditions?: readonly Condition[]; readonly observed?: Readonly<Record<string, string>> }>

const common = { group: 'test.skerry.dev', version: 'v1', shortNames: [], categories: [], namespaced: true, home: 'hub', columns: [] } as const

export const Shop = defineKind<Shop>({
  ...common, kind: 'Shop', plural: 'shops', singular: 'shop', description: 'A shop.', writers: { spec: 'user', status: 'site' },
  spec: z.object({ shelves: z.int() }),
  status: z.object({ ready: z.int().optional(), conditions: conditionsSchema, observed: observedSchema }),
})
export const Shelf = defineKind<Shelf>({
  ...common, kind: 'Shelf', plural: 'shelves', singular: 'shelf', description: 'A shelf.', writers: { spec: 'site', status: 'site' },
  spec: z.object({ slot: z.int() }),
  status: z.object({ boardId: z.string().optional(), intents: intentsSchema, conditions: conditionsSchema, observed: observedSchema }),
})

export interface Board { readonly id: string; readonly mark: string }

/** Where boards are. Anybody can make a second one with the same mark. */
export interface Warehouse {
  readonly boards: ReadonlyMap<string, Board>
  readonly made: readonly string[]
  list(): Promise<readonly Board[]>
  create(mark: string): Promise<Board>
  remove(id: string): Promise<void>
}

export const openWarehouse = (): Warehouse => {
  const boards = new Map<string, Board>()
  const made: string[] = []
  return {
    boards, made,
    list: async () => [...boards.values()],
    async create(mark) {
      const board = { id: `board-${made.length}`, mark }
      made.push(mark)
      boards.set(board.id, board)
      return board
    },
    async remove(id) { boards.delete(id) },
  }
}
