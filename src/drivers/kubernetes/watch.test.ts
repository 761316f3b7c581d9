import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fakeClock, type FakeClock } from '../../../testkit/fake-clock.ts'
import { openKubernetes, type KubernetesDriver, type NodeWatch, type TenantKubernetes } from './index.ts'
import { Node } from './sim/kinds.ts'
import { listen, nodeCalled, observe, startTestCluster, type TestCluster } from './testing.ts'

const silent = { info() {}, warn() {} }

let bed: TestCluster
let driver: KubernetesDriver
let api: TenantKubernetes
let warned: PromiseWithResolvers<object>
beforeEach(async () => {
  bed = await startTestCluster()
  warned = Promise.withResolvers()
  driver = openKubernetes({ log: { ...silent, warn: warned.resolve } })
  api = driver.connect('c1', bed.access)
})
afterEach(async () => { await driver.close(); await bed.close() })

describe('E4 the watch of nodes', () => {
  test('tells what is there, every change that matters, and no heartbeat', async () => {
    const o = observe()
    const { stop } = driver.watchNodes('c1', async () => bed.access, o.changed)
    await o.until((n) => n.length === 0)
    bed.api.registerNode(nodeCalled('w1'))
    await o.until((n) => n[0]?.ready === false)
    bed.api.nodeReady('w1', true)
    await o.until((n) => n[0]?.ready === true)
    const before = o.seen.length
    await api.patchNode('w1', { metadata: { annotations: { seen: 'now' } } })
    await api.cordon('w1')
    await o.until((n) => n[0]?.unschedulable === true)
    expect(o.seen.length).toBe(before + 1)
    bed.api.deleteNode('w1')
    await o.until((n) => n.length === 0 && o.seen.length > before + 1)
    stop()
  })

  test('goes on after the connection broke, and misses nothing', async () => {
    const o = observe()
    const { stop } = driver.watchNodes('c1', async () => bed.access, o.changed)
    await o.until((n) => n.length === 0)
    bed.down()
    bed.api.registerNode(nodeCalled('w1'))
    await bed.cluster.settled()
    bed.up()
    expect((await o.until((n) => n.length === 1))[0]?.name).toBe('w1')
    stop()
  })

  test('lists again when its version is too old', async () => {
    const o = observe()
    const { stop } = driver.watchNodes('c1', async () => bed.access, o.changed)
    await o.until((n) => n.length === 0)
    bed.down()
    const objects = await bed.cluster.objects()
    bed.api.registerNode(nodeCalled('w1'))
    await bed.cluster.settled()
    // More than the store's log keeps.
    for (let i = 0; i < 1_000; i++) await objects.change(Node, { name: 'w1' }, (n) => ({ ...n, metadata: { ...n.metadata, annotations: { i: String(i) } } }))
    bed.up()
    expect((await o.until((n) => n.length === 1))[0]?.name).toBe('w1')
    stop()
  })

  test('T8 asks for its certificate at every connection: one that ran out is renewed', async () => {
    const o = observe()
    let access = bed.accessAs('skerry:controllers', ['nobody'])
    driver.watchNodes('c1', async () => access, o.changed)
    expect(await warned.promise).toMatchObject({ cluster: 'c1' })
    access = bed.access
    await o.until((n) => n.length === 0)
  })
})

describe('E4 a cluster in which nothing happens', () => {
  const minute = 60_000
  let clock: FakeClock
  let o: ReturnType<typeof observe>
  let watch: NodeWatch

  /** One node, known by a watch, and then so many minutes of nothing. */
  const quiet = async (minutes: number, isReady = true, random = 0): Promise<void> => {
    await driver.close()
    clock = fakeClock()
    driver = openKubernetes({ log: { ...silent, warn: warned.resolve }, clock, random: () => random })
    bed.api.registerNode(nodeCalled('w1'))
    bed.api.nodeReady('w1', isReady)
    await bed.cluster.settled()
    o = observe()
    watch = driver.watchNodes('c1', async () => bed.access, o.changed)
    await o.until((n) => n[0]?.ready === isReady)
    await clock.advance(minutes * minute)
  }
  const atRest = async (random?: number): Promise<void> => { await quiet(3, true, random); await expect.poll(() => bed.connections.open).toBe(0) }
  const listed = async (minutes: number): Promise<void> => {
    const { total } = bed.connections
    await clock.advance((minutes - 0.1) * minute)
    expect(bed.connections).toEqual({ open: 0, total })
    await clock.advance(0.1 * minute)
    await expect.poll(() => [bed.connections.total, bed.connections.open]).toEqual([total + 1, 0])
  }

  test('is watched for three minutes; then nothing of it is open', async () => {
    await quiet(2.9)
    expect(bed.connections).toEqual({ open: 1, total: 1 })
    await clock.advance(0.1 * minute)
    await expect.poll(() => bed.connections).toEqual({ open: 0, total: 1 })
  })

  test('is listed after three minutes at the latest, and as long as its nodes are the same nothing is told', async () => {
    await atRest()
    const told = o.seen.length
    await listed(3)
    await listed(3)
    expect(o.seen.length).toBe(told)
  })

  test('is listed for the first time at any moment, and then up to half a minute sooner than it must: not all clusters are listed together', async () => {
    await atRest(0.9)
    await listed(10 / 60)
    await listed(160 / 60)
  })

  test('is listed together with others that are due in the same ten seconds, and no later than it must', async () => {
    await quiet(0)
    await clock.advance(4_000)
    const other = observe()
    driver.watchNodes('c2', async () => bed.access, other.changed)
    await other.until((n) => n.length === 1)
    await clock.advance(3 * minute)
    await expect.poll(() => bed.connections.open).toBe(0)
    const { total } = bed.connections
    await clock.advance(3 * minute - 5_000)
    expect(bed.connections).toEqual({ open: 0, total })
    await clock.advance(1_000)
    await expect.poll(() => bed.connections).toEqual({ open: 0, total: total + 2 })
  })

  test('keeps no other waiting when its server, and those of many more, accept a connection and say nothing', async () => {
    await quiet(0)
    const mute = createServer()
    let server = bed.access.server
    await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const one = observe()
      driver.watchNodes(`rests-${i}`, async () => ({ ...bed.access, server }), one.changed)
      await one.until((n) => n.length === 1)
    }))
    await clock.advance(3 * minute)
    await expect.poll(() => bed.connections.open).toBe(0)
    server = `https://${await listen(mute)}`
    await clock.advance(3 * minute)
    const other = observe()
    driver.watchNodes('new', async () => bed.access, other.changed)
    expect(await Promise.race([other.until((n) => n.length === 1).then(() => 'seen'), warned.promise])).toBe('seen')
    await driver.close()
    mute.close()
  })

  test('is watched for as long as one of its nodes is not Ready', async () => {
    await quiet(30, false)
    expect(bed.connections).toEqual({ open: 1, total: 1 })
  })

  test('is watched again when a list shows something else, which is told', async () => {
    await atRest()
    bed.api.nodeReady('w1', false)
    await bed.cluster.settled()
    await clock.advance(3 * minute)
    await o.until((n) => n[0]?.ready === false)
    bed.api.registerNode(nodeCalled('w2'))
    await o.until((n) => n.length === 2)
    expect(bed.connections.open).toBe(1)
  })

  test('is listed at once and watched when somebody works with it; until then it is told nothing old', async () => {
    await atRest()
    bed.api.nodeReady('w1', false)
    await bed.cluster.settled()
    expect([watch.stir(), watch.stir()]).toEqual([true, false])
    await o.until((n) => n[0]?.ready === false)
    expect(bed.connections.open).toBe(1)
  })

  test('is watched for three minutes more after a change', async () => {
    await quiet(2)
    bed.api.registerNode(nodeCalled('w2'))
    bed.api.nodeReady('w2', true)
    await o.until((n) => n.length === 2 && n.every((x) => x.ready))
    await clock.advance(2.9 * minute)
    expect(bed.connections).toEqual({ open: 1, total: 1 })
    await clock.advance(0.1 * minute)
    await expect.poll(() => bed.connections.open).toBe(0)
  })

  test('is not left alone while somebody works with it', async () => {
    await quiet(2)
    expect(watch.stir()).toBe(false)
    await clock.advance(2 * minute)
    expect(bed.connections).toEqual({ open: 1, total: 1 })
    await clock.advance(minute)
    await expect.poll(() => bed.connections.open).toBe(0)
  })

  test('and whose API does not answer a list is said to be broken, and asked again until it answers', async () => {
    await atRest()
    bed.down()
    await clock.advance(3 * minute)
    expect(await warned.promise).toMatchObject({ cluster: 'c1', error: expect.stringContaining('list nodes') })
    bed.api.nodeReady('w1', false)
    await bed.cluster.settled()
    bed.up()
    await expect.poll(async () => { await clock.advance(1_000); return o.seen.at(-1)?.[0]?.ready }).toBe(false)
  })

  test.each(['watched', 'at rest'])('is not asked any more when it was forgotten, %s', async (how) => {
    await (how === 'watched' ? quiet(1) : atRest())
    driver.forget('c1')
    await expect.poll(() => bed.connections.open).toBe(0)
    expect(clock.timers).toBe(0)
    await clock.advance(10 * minute)
    expect(bed.connections.total).toBe(1)
  })
})
