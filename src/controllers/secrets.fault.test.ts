/** Keys that are lost (rule T7): nothing is made with others, people are told, and all goes on when they are back. */
import { afterEach, expect, test } from 'vitest'
import { condition } from '../api/meta/index.ts'
import { NodePool } from '../api/index.ts'
import { openWorld, type World } from '../../testkit/world.ts'

let world: World | undefined
afterEach(async () => { await world?.close(); world = undefined })

test('T7 a cluster whose keys are lost gets no new ones, says so, and goes on when they are imported', async () => {
  const w = world = await openWorld()
  await w.start()
  const { metadata: { uid } } = await w.makeCluster({ controlPlane: 3 })
  await w.waitReady()
  const bundle = (await w.secrets.get(uid))!
  await w.loseSecrets(uid)
  await w.start()
  await w.people.apply(NodePool, { metadata: { name: 'first-workers', namespace: 'demo' }, spec: { replicas: 2 } }, { manager: 'people' })
  const young = async () => (await w.machines()).find((m) => m.status?.serverId === undefined)
  await w.until(async () => { const m = await young(); return m !== undefined && condition(m, 'Ready')?.reason === 'SecretsMissing' }, 'SecretsMissing')
  // Something that all machines share is missing, too: keys are made before such a thing is.
  const { status } = await w.asOther('DELETE', 'compute', `/v2.1/os-server-groups/${(await w.cluster())!.status!.infrastructure!.serverGroupId!}`)
  expect(status).toBe(204)
  await w.until(async () => condition((await w.cluster())!, 'InfrastructureReady')?.reason === 'SecretsMissing', 'SecretsMissing of the cluster')
  await w.pass(60_000)
  expect(w.left()['servers']).toBe(4)
  // No others stand there.
  expect(await w.secrets.keep(uid, bundle)).toEqual(bundle)
  await w.waitReady()
  expect(w.left()['servers']).toBe(5)
}, 120_000)
