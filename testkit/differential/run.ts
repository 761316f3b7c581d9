/** The whole suite: sequences by hand, then generated ones; says what differs, counts what is known. */
import fc from 'fast-check'
import { generatedSequence } from './generated.ts'
import { knownAs, type Known } from './known.ts'
import { runSequence, type Difference, type Pair, type Sequence } from './sequence.ts'
import { propagation, sequences } from './sequences/index.ts'

export interface Options {
  /** Only the sequences whose name holds this, or `generated`. */
  readonly only: string | undefined
  /** What goes with its owner or its namespace, and nothing else; both sides collect. */
  readonly isCollecting?: boolean
  /** How many sequences are generated. */
  readonly runs: number
  readonly seed: number
  say(line: string): void
}

/** Answers the number of unknown differences. */
export const differential = async (pair: Pair, known: readonly Known[], { only, isCollecting = false, runs, seed, say }: Options): Promise<number> => {
  const begun = Date.now().toString(36)
  const counts = new Map<string, number>(known.map(({ id }) => [id, 0]))
  let requests = 0
  let namespaces = 0
  let unknown = 0

  /** The unknown ones; known ones are counted. */
  const run = async (sequence: Sequence): Promise<readonly Difference[]> => {
    const done = await runSequence(pair, sequence, `diff-${begun}-${++namespaces}`)
    requests += done.requests
    return done.differences.filter(({ text }) => {
      const { id } = knownAs(known, `${sequence.name}: ${text}`) ?? {}
      if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1)
      return id === undefined
    })
  }

  const byHand = (isCollecting ? propagation : sequences).filter(({ name }) => only === undefined || name.includes(only))
  for (const sequence of byHand) {
    const found = await run(sequence)
    unknown += found.length
    for (const { step, text } of found) say(`DIFFERENT ${sequence.name}, step ${step}: ${text}`)
  }
  const isGenerating = !isCollecting && (only === undefined || only === 'generated')
  if (isGenerating) {
    const details = await fc.check(fc.asyncProperty(generatedSequence, async (sequence) => {
      const found = await run(sequence)
      if (found.length > 0) throw new Error(found.map(({ step, text }) => `step ${step}: ${text}`).join('\n'))
    }), { numRuns: runs, seed })
    if (details.failed) {
      unknown++
      say(`DIFFERENT generated (--seed ${seed}): ${String((details.errorInstance as Error | null)?.message ?? '')}`)
      for (const [i, s] of (details.counterexample?.[0].steps ?? []).entries()) say(`  ${i + 1} ${s.method} ${String(s.path)} ${typeof s.body === 'function' ? '(from what was seen)' : JSON.stringify(s.body)}`)
    }
  }
  say(`${byHand.length} sequences by hand${isGenerating ? `, ${runs} generated (seed ${seed})` : ''}, ${requests} requests to each`)
  if (only === undefined && !isCollecting) for (const [id, count] of counts) say(`known ${id}: ${count === 0 ? 'not seen any more; take it out of docs/reference/differences.md' : `${count} times`}`)
  say(`${unknown} unknown differences`)
  return unknown
}
