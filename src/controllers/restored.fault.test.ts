/** The database restored to before a bootstrap that happened (rule T1): the cloud and the machines are ahead of what is recorded. */
import { afterEach, expect, test } from 'vitest'
import type { Interpose } from '../engine/effects.ts'
import { Cluster } from '../api/index.ts'
import { openWorld, type Snapshot, type World } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })

type Moment = 'before it was requested' | 'when it was requested'
const moments: readonly Moment[] = ['before it was requested', 'when it was requested']

/** A cluster that is Ready, and what the database held at that moment of its bootstrap. */
const bootstrapped = async (moment: Moment, controlPlane: number, wish: { readonly machineType?: string; readonly workers?: number } = {}): Promise<{ readonly w: World; readonly uid: string; readonly past: Snapshot }> => {
  const w = world = await openWorld()
  const held: Partial<Record<Moment, Snapshot>> = {}
  const interpose: Interpose = async (effect, perform) => {
    if (effect.controller === 'control-plane' && held['when it was requested'] === undefined) {
      if (effect.verb === 'record') held['before it was requested'] = await w.snapshot()
      if (effect.verb === 'creating') held['when it was requested'] = await w.snapshot()
    }
    return perform()
  }
  await w.start({ interpose })
  const { metadata: { uid } } = await w.makeCluster({ controlPlane, ...wish })
  await w.waitReady()
  const past = held[moment]!
  const recorded = (JSON.parse(past.rows.find((r) => r.uid === uid)!.body) as Cluster).status?.controlPlane?.bootstrap
  expect([recorded?.requestedAt === undefined, recorded?.doneAt]).toEqual([moment === 'before it was requested', undefined])
  return { w, uid, past }
}
const why = async (w: World): Promise<readonly (string | undefined)[]> => {
  const c = await w.condition(Cluster, { namespace: 'demo', name: 'first' }, 'ControlPlaneReady')
  return [c?.status, c?.reason, c?.message]
}

const cases = moments.flatMap((moment) => [1, 3].map((controlPlane) => ({ moment, controlPlane })))

test.each(cases)('T1 restored to the minute of the bootstrap, $moment: the etcd of $controlPlane is found, nothing is made, and the cluster goes whole', async ({ moment, controlPlane }) => {
  const { w, uid, past } = await bootstrapped(moment, controlPlane)
  const [ids, left] = [await w.etcdClusterIds(uid), w.left()]
  await w.restore(past)
  w.forgetCalls()
  await w.start()
  await w.waitReady()
  expect(ids).toHaveLength(1)
  expect(await w.etcdClusterIds(uid)).toEqual(ids)
  expect(w.left()).toEqual(left)
  expect(w.changes()).toEqual({})
  await w.deleteCluster()
  await w.waitGone()
  expect(w.left()).toEqual({})
}, 180_000)

test.each(moments)('T1 restored to the minute of the bootstrap, %s, while the server that holds etcd is off: nobody bootstraps, and the condition says what is waited for', async (moment) => {
  const { w, uid, past } = await bootstrapped(moment, 1)
  const ids = await w.etcdClusterIds(uid)
  const serverId = (await w.machines()).find((m) => m.spec.role === 'controlplane')!.status!.serverId!
  await w.stop()
  expect((await w.asOther('POST', 'compute', `/v2.1/servers/${serverId}/action`, { 'os-stop': null })).status).toBe(202)
  await w.restore(past)
  await w.start()
  await w.pass(900_000)
  expect(await why(w)).toEqual(['False', 'WaitingForBoot', 'waits until every control-plane server of this cluster answers whether it holds etcd data'])
  expect((await w.asOther('POST', 'compute', `/v2.1/servers/${serverId}/action`, { 'os-start': null })).status).toBe(202)
  await w.waitReady()
  expect(await w.etcdClusterIds(uid)).toEqual(ids)
}, 180_000)

test.each(moments)('T1 restored to the minute of the bootstrap, %s, and two of three members lost with their disks: the third\'s data stops a second bootstrap, and the condition names it', async (moment) => {
  const { w, uid, past } = await bootstrapped(moment, 3)
  const ids = await w.etcdClusterIds(uid)
  const [kept, ...lost] = (await w.machines()).filter((m) => m.spec.role === 'controlplane').toSorted((a, b) => a.spec.slot! - b.spec.slot!)
  const { projectId } = (await w.cluster())!.status!.infrastructure!
  await w.stop()
  for (const { status } of lost) {
    expect((await w.asOther('DELETE', 'compute', `/v2.1/servers/${status!.serverId!}`)).status).toBe(204)
    await w.until(async () => (await w.asOther('DELETE', 'volume', `/v3/${projectId!}/volumes/${status!.volumeId!}`)).status === 202, 'the disk is given up', 60_000)
  }
  await w.restore(past)
  await w.start()
  await w.pass(900_000)
  const name = kept!.metadata.name
  expect(await why(w)).toEqual(moment === 'before it was requested'
    ? ['False', 'EtcdDataLost', expect.stringContaining(`${name} holds etcd data of a cluster that does not answer; bootstrapping again would lose it.`)]
    : ['False', 'EtcdUnhealthy', expect.stringContaining(`etcd was bootstrapped on ${name}, its data is there, and it does not answer`)])
  expect(await w.etcdClusterIds(uid)).toEqual(ids)
}, 180_000)

test.each(moments)('T1 restored to the minute of the bootstrap, %s, two of three members lost and the third in a cell that does not answer: it holds the port of its slot, so nobody bootstraps', async (moment) => {
  // With disks of their own: no volume stays that a look could miss.
  const { w, uid, past } = await bootstrapped(moment, 3, { machineType: 'l2.c4r8.100', workers: 0 })
  const ids = await w.etcdClusterIds(uid)
  const [kept, ...lost] = (await w.machines()).filter((m) => m.spec.role === 'controlplane').toSorted((a, b) => a.spec.slot! - b.spec.slot!)
  await w.stop()
  for (const { status } of lost) {
    expect((await w.asOther('DELETE', 'compute', `/v2.1/servers/${status!.serverId!}`)).status).toBe(204)
    await w.until(async () => (await w.asOther('GET', 'compute', `/v2.1/servers/${status!.serverId!}`)).status === 404, 'the server is gone')
  }
  await w.restore(past)
  const hole = w.cloud.faults.add({ kind: 'unreachable-cell', cell: Number.parseInt(kept!.status!.serverId!.slice(0, 2), 16) % 2 === 0 ? 'cell1' : 'cell2' })
  await w.start()
  await w.pass(900_000)
  expect(await w.etcdClusterIds(uid)).toEqual(ids)
  hole.remove()
  await w.pass(900_000)
  expect(await w.etcdClusterIds(uid)).toEqual(ids)
}, 180_000)
