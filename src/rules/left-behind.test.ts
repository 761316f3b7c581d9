import { expect, test } from 'vitest'
import { inWords, leftBehind } from './left-behind.ts'

const cluster = { metadata: { name: 'shop', uid: 'c' }, status: {
  infrastructure: { projectId: 'p', networkId: 'n', subnetId: 's', routerId: 'r', controlPlaneGroupId: 'g1', nodeGroupId: 'g2', serverGroupId: 'a', intents: { router: 't' } },
  endpoint: { loadBalancerId: 'l', floatingIpId: 'f', slots: [{ slot: 0, portId: 'p0', address: '' }], intents: { 'cp-1': 't' } },
} } as never
const machine = (name: string, status: object) => ({ metadata: { name, uid: `uid-${name}` }, status }) as never

test('O9 every id of every status is named once, and what was never answered', () => {
  expect(inWords(leftBehind(cluster, [machine('cp', { serverId: 's0', volumeId: 'v0', portId: 'p0' }), machine('w', { serverId: 's1', portId: 'p1', intents: { root: 't' } })]))).toEqual([
    'server s0 (cp)', 'volume v0 (cp)', 'server s1 (w)', 'port p1 (w)', 'load balancer l', 'floating IP f', 'port p0', 'network n', 'subnet s', 'router r', 'security group g1', 'security group g2', 'server group a',
    'perhaps the router marked skerry-uid:c: its creation was not answered', 'perhaps the cp-1 marked skerry-uid:c: its creation was not answered', 'perhaps the root marked skerry-uid:uid-w: its creation was not answered',
  ])
  expect(leftBehind({ metadata: { uid: 'c' } } as never, [])).toEqual({ projectId: undefined, objects: [], unanswered: [] })
})
