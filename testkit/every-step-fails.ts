/**
 * Proves that a controller survives the failure of each of its effects. A scenario runs once whole, to count its effects; then
 * for each effect again, three times: it fails before it does anything; it is done and the process dies before it hears of it;
 * it is done twice. After each, the caller's invariant must hold: converged, nothing orphaned, nothing doubled.
 */
import type { Effect, Interpose } from '../src/engine/effects.ts'
import type { Running } from '../src/engine/run.ts'
import { failureError } from '../src/engine/errors.ts'
import { keyText } from '../src/api/meta/index.ts'
import { turns, type FakeClock } from './fake-clock.ts'

export type Fault = 'fails before' | 'crashes after' | 'is done twice'
const faults: readonly Fault[] = ['fails before', 'crashes after', 'is done twice']

/** One fresh store with its outside; it outlives the processes that are started in it. */
export interface World {
  readonly clock: FakeClock
  /** Starts a process from nothing: engine and controllers with new state. */
  start(interpose: Interpose): Promise<Running>
  /** Whether what was wanted is there (or gone). */
  isSettled(): Promise<boolean>
  /** Throws when something is orphaned, doubled or not as wanted. */
  check(): Promise<void>
  close(): Promise<void>
}

export interface EveryStepFails {
  build(): Promise<World>
  /** How much time a run may take, by the fake clock. Default one hour. */
  readonly withinMs?: number
  /** Effects that are left out; none by default. */
  readonly skip?: (effect: Effect) => boolean
  /** Runs side by side: most of a run waits. Default 1. */
  readonly atOnce?: number
}

/** `creating network of shop (cluster acme/shop)` */
export const effectText = (e: Effect): string => `${e.verb} ${e.what} (${e.controller} ${keyText(e.key)})`

/** The process is gone: nothing that it still tries has an effect. */
const dead = (): never => { throw failureError({ code: 0, reason: 'NoAnswer', message: 'the process died' }) }

interface Chaos {
  readonly interpose: Interpose
  readonly effects: readonly string[]
  readonly isDead: boolean
  readonly died: Promise<void>
}

/** Does the fault at the effect with this number, counted from 0, once. */
const createChaos = (at: number, fault: Fault | undefined, skip: (e: Effect) => boolean): Chaos => {
  const effects: string[] = []
  let isDead = false
  let die = (): void => {}
  const died = new Promise<void>((resolve) => { die = resolve })
  return {
    effects, died,
    get isDead() { return isDead },
    async interpose<T>(effect: Effect, perform: () => Promise<T>): Promise<T> {
      if (isDead) return dead()
      if (skip(effect)) return perform()
      const n = effects.push(effectText(effect)) - 1
      if (n !== at || fault === undefined) return perform()
      switch (fault) {
        case 'fails before': throw failureError({ code: 503, reason: 'ServiceUnavailable', message: `${effectText(effect)}: failed on purpose` })
        case 'is done twice': await perform(); return perform()
        case 'crashes after':
          await perform()
          isDead = true
          die()
          return dead()
      }
    },
  }
}

/** Lets a process run until its world is settled, or it died. */
const run = async (world: World, chaos: Chaos, running: Running, withinMs: number, what: string): Promise<void> => {
  const until = world.clock.monotonic() + withinMs
  for (;;) {
    await idleOrBusy(running, chaos.died)
    if (chaos.isDead) return
    if (await world.isSettled()) { await running.whenIdle(); return }
    if (world.clock.monotonic() >= until) throw new Error(`${what}: not settled within ${withinMs / 1000} s`)
    await world.clock.advanceToNext()
  }
}

/**
 * Input and output are real and take their time; what is still busy after so many ticks waits for the clock, which we hold. Only
 * ticks on time count: on a busy machine a late one says that nobody had a turn.
 */
const tickMs = 10
const lateMs = 30
const ticksToWait = 12

/** Until the engine is idle, or waits for the clock, or the other thing happened. */
export const idleOrBusy = (running: Running, other: Promise<void> = new Promise(() => {})): Promise<void> => new Promise((resolve) => {
  let ticks = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    if (now - last < lateMs) ticks++
    last = now
    if (ticks >= ticksToWait) end()
  }, tickMs)
  const end = (): void => { clearInterval(timer); resolve() }
  void running.whenIdle().then(end)
  void other.then(end)
})

const once = async (o: EveryStepFails, at: number, fault: Fault | undefined): Promise<readonly string[]> => {
  const { withinMs = 3_600_000, skip = () => false } = o
  const world = await o.build()
  const what = fault === undefined ? 'the run without a fault' : `effect ${at} ${fault}`
  try {
    const chaos = createChaos(at, fault, skip)
    const first = await world.start(chaos.interpose)
    try { await run(world, chaos, first, withinMs, what) } finally { await close(world, first) }
    if (chaos.isDead) {
      const calm = createChaos(-1, undefined, skip)
      const second = await world.start(calm.interpose)
      try { await run(world, calm, second, withinMs, `${what}: ${chaos.effects[at]}`) } finally { await close(world, second) }
    }
    try {
      if (!(await world.isSettled())) throw new Error('not settled')
      await world.check()
    } catch (cause) {
      throw new Error(`${what}: ${chaos.effects[at] ?? ''}`, { cause })
    }
    return chaos.effects
  } finally {
    await world.close()
  }
}

/** Closing waits for passes, and passes may wait for the clock. */
const close = async (world: World, running: Running): Promise<void> => {
  let isClosed = false
  const closed = running.close().finally(() => { isClosed = true })
  while (!isClosed) if (!(await world.clock.advanceToNext(60_000))) await turns(1)
  await closed
}

/** The effects that were tried, in the order of the run without a fault. Throws with what broke at the first failure. */
export const everyStepFails = async (o: EveryStepFails): Promise<readonly string[]> => {
  const effects = await once(o, -1, undefined)
  const runs = faults.flatMap((fault) => effects.map((_, at) => ({ fault, at }))).values()
  const lane = async (): Promise<void> => { for (const { fault, at } of runs) await once(o, at, fault) }
  await Promise.all(Array.from({ length: o.atOnce ?? 1 }, lane))
  return effects
}
