/** The finalizer of one controller on the objects it governs; it leaves those of others alone. */
import { keyOf, type Resource } from '../api/meta/index.ts'
import type { Effects } from './effects.ts'
import { isConflict } from './errors.ts'
import type { Resources, WriteOptions } from './resources.ts'
import type { Controller } from './shapes.ts'

export const hasFinalizer = (o: Resource, finalizer: string): boolean => o.metadata.finalizers?.includes(finalizer) === true

/** Applied as one item of a set, so that each manager holds its own. The uid keeps a vanished object from being made anew. */
export const addFinalizer = async (c: Controller, finalizer: string, o: Resource, resources: Resources, effects: Effects, write: WriteOptions): Promise<void> => {
  await effects.write('finalizer', `add ${finalizer}`, c.for, () => resources.apply(c.for, { metadata: { ...keyOf(o), uid: o.metadata.uid, finalizers: [finalizer] } }, write))
}

const tries = 5

/**
 * By compare-and-swap and not by apply: the server sets some finalizers itself (rule H1), and an applied set gives up only
 * its own claim on an item.
 */
export const removeFinalizer = async (c: Controller, finalizer: string, o: Resource, resources: Resources, effects: Effects, write: WriteOptions): Promise<void> => {
  await effects.write('finalizer', `remove ${finalizer}`, c.for, async () => {
    let current: Resource | undefined = o
    for (let i = 0; ; i++) {
      if (current === undefined || current.metadata.uid !== o.metadata.uid || !hasFinalizer(current, finalizer)) return current
      try {
        return await resources.update(c.for, { ...current, metadata: { ...current.metadata, finalizers: current.metadata.finalizers!.filter((f) => f !== finalizer) } }, write)
      } catch (error) {
        if (!isConflict(error) || i + 1 >= tries) throw error
        current = await resources.get(c.for, keyOf(o))
      }
    }
  })
}
