/**
 * A cluster is made and deleted while each effect of each controller fails before it is done, is done and not heard of, or is done
 * twice. `SKERRY_FAULTS=all` also tries each effect in a run of its own, which takes a quarter of an hour.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { everyStepFails, type Fault, type World as StepWorld } from '../../testkit/every-step-fails.ts'
import { everyStepOnce } from '../../testkit/every-step-once.ts'
import type { Interpose } from '../engine/effects.ts'
import { openWorld, type World } from '../../testkit/world.ts'

/** What a cluster of one control plane and one worker is made of, and not one object more. */
const whole = {
  servers: 2, networks: 1, subnets: 1, routers: 1, ports: 3, securityGroups: 2, securityGroupRules: 7, floatingIps: 1, volumes: 2, loadBalancers: 1, listeners: 2, pools: 2, members: 2, monitors: 2,
}
const asOnce = (w: World) => ({ start: (interpose: Interpose) => w.start({ interpose }), until: w.until })
const isWhole = (w: World): boolean => JSON.stringify(Object.entries(w.left()).toSorted()) === JSON.stringify(Object.entries(whole).toSorted())

/** A cluster's life: made, Ready with exactly its objects, deleted, gone. */
const life = (w: World) => {
  let stage: 'before' | 'made' | 'deleted' = 'before'
  let uid = ''
  return {
    async isSettled(): Promise<boolean> {
      if (stage === 'before') {
        if (!(await w.isSiteReady())) return false
        uid = (await w.makeCluster()).metadata.uid
        stage = 'made'
      }
      if (stage === 'made') {
        if (!(await w.isReady()) || !isWhole(w)) return false
        await w.deleteCluster()
        stage = 'deleted'
      }
      return w.isGone()
    },
    async check(): Promise<void> {
      expect(w.left()).toEqual({})
      expect(await w.etcdClusterIds(uid)).toHaveLength(1)
    },
  }
}

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })

const faults: readonly Fault[] = ['fails before', 'crashes after', 'is done twice']
const controllers = [
  { name: 'site', rules: 'E3' }, { name: 'cluster', rules: 'E3 O9' }, { name: 'endpoint', rules: 'E3 O9' }, { name: 'control-plane', rules: 'E3 T1' },
  { name: 'node-pool', rules: 'E3' }, { name: 'machine', rules: 'E3 O7' }, { name: 'add-ons', rules: 'E3' }, { name: 'readiness', rules: 'S8' },
] as const

describe.each(controllers)('$rules each effect of the controller $name', ({ name, rules }) => {
  test.each(faults)(`${rules} each effect of ${name} %s: the cluster comes whole and goes whole`, async (fault) => {
    world = await openWorld()
    const { isSettled, check } = life(world)
    const struck = await everyStepOnce({ world: asOnce(world), fault, strikes: (e) => e.controller === name, isSettled })
    expect(struck.length).toBeGreaterThan(0)
    await check()
  }, 180_000)
})

test.each(faults)('E3 T1 O9 each effect of all controllers %s: the cluster comes whole and goes whole', async (fault) => {
  world = await openWorld()
  const { isSettled, check } = life(world)
  const struck = await everyStepOnce({ world: asOnce(world), fault, strikes: () => true, isSettled })
  expect(struck.filter((text) => text.startsWith('creating ')).length).toBeGreaterThan(12)
  await check()
}, 300_000)

describe.runIf(process.env['SKERRY_FAULTS'] === 'all')('each effect in a run of its own', () => {
  test.each(controllers)('$rules each effect of $name in a run of its own', async ({ name }) => {
    const effects = await everyStepFails({
      atOnce: 8,
      skip: (e) => e.controller !== name,
      async build(): Promise<StepWorld> {
        const w = await openWorld()
        const { isSettled, check } = life(w)
        return { clock: w.clock, start: (interpose) => w.start({ interpose }), isSettled, check, close: () => w.close() }
      },
    })
    expect(effects.length).toBeGreaterThan(0)
  }, 3_600_000)
})
