/** All sequences that were written by hand. */
import type { Sequence } from '../sequence.ts'
import { applies } from './applies.ts'
import { changes } from './change.ts'
import { creates } from './create.ts'
import { discoveries } from './discovery.ts'
import { ourKinds } from './kinds.ts'
import { reads } from './reads.ts'
import { removals } from './removals.ts'
import { watches } from './watches.ts'

export { propagation } from './propagation.ts'
export const sequences: readonly Sequence[] = [...creates, ...changes, ...applies, ...removals, ...reads, ...watches, ...discoveries, ...ourKinds]
