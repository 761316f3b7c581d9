/**
 * What every-step-fails.ts proves step by step, in one run: each distinct effect fails once in the same way on one world's way to
 * where it settles. Cheap enough for whole clusters; faults that meet are tried too.
 */
import type { Effect, Interpose } from '../src/engine/effects.ts'
import { failureError } from '../src/engine/errors.ts'
import type { Running } from '../src/engine/run.ts'
import { effectText, type Fault } from './every-step-fails.ts'

export interface OnceWorld {
  /** Starts a process from nothing; one that runs ends. */
  start(interpose: Interpose): Promise<Running>
  /** Lets time pass until it is so, or the other thing happened. */
  until(isSo: () => Promise<boolean>, what: string): Promise<void>
}

export interface EveryStepOnce {
  readonly world: OnceWorld
  readonly fault: Fault
  /** Which effects are struck. */
  readonly strikes: (effect: Effect) => boolean
  readonly isSettled: () => Promise<boolean>
}

/** One effect, whatever the name that was made up for its object: a creation tried again under another name is the same step. */
const stepText = (effect: Effect): string => effectText(effect).replaceAll(/-[a-z0-9]{5}(?=\W|$)/g, '-*')

/** The effects that were struck, in order. */
export const everyStepOnce = async ({ world, fault, strikes, isSettled }: EveryStepOnce): Promise<readonly string[]> => {
  const struck: string[] = []
  const seen = new Set<string>()
  for (let processes = 0; ; processes++) {
    if (processes > 500) throw new Error(`still dying after ${struck.length} effects`)
    let isDead = false
    const dead = (): never => { throw failureError({ code: 0, reason: 'NoAnswer', message: 'the process died' }) }
    const interpose = async <T>(effect: Effect, perform: () => Promise<T>): Promise<T> => {
      if (isDead) return dead()
      const text = stepText(effect)
      if (!strikes(effect) || seen.has(text)) return perform()
      seen.add(text)
      struck.push(text)
      switch (fault) {
        case 'fails before': throw failureError({ code: 503, reason: 'ServiceUnavailable', message: `${text}: failed on purpose` })
        case 'is done twice': await perform(); return perform()
        case 'crashes after':
          await perform()
          isDead = true
          return dead()
      }
    }
    await world.start(interpose)
    let isDone = false
    try {
      await world.until(async () => isDead || (isDone = await isSettled()), `settled after ${struck.length} effects ${fault}, the last ${struck.at(-1) ?? 'none'}`)
    } catch (cause) { throw new Error(`${fault}: ${struck.join('\n')}`, { cause }) }
    if (isDone) return struck
  }
}
