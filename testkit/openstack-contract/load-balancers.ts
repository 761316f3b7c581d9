/** Octavia, with each of the cloud's providers: addresses first, one call after another, what refuses a second one. */
import { describe, expect, test } from 'vitest'
import { failureOf, isAlreadyExists, isConflict, isUnclear } from '../../src/drivers/openstack/index.ts'
import { gone, until } from './bed.ts'
import type { Bed } from './bed.ts'

export const loadBalancerRows = (bed: Bed): void => {
  const lb = () => bed.subject.cloud.loadBalancer!
  const addresses = { amphora: '10.77.0.5', ovn: '10.77.0.6' } as const

  describe.for(['amphora', 'ovn'] as const)('load balancer of provider %s', (provider) => {
    test('O2 O3 O5 address chosen, calls one after another, duplicates adopted, deleted with all that is below it', async ({ skip }) => {
      if (!bed.subject.loadBalancerProviders.includes(provider)) skip(`the cloud has no provider ${provider}`)
      const { patienceMs, cloud } = bed.subject
      const vipAddress = addresses[provider]
      const mark = (role: string) => bed.marks.mark(`${role}-${provider}`)
      expect(await lb().providers()).toContain(provider)
      const spec = { vipSubnetId: bed.subnet.id, vipAddress, provider }
      const made = await lb().loadBalancers.create(spec, mark('api'))
      expect(made).toMatchObject({ vipAddress, vipSubnetId: bed.subnet.id, provider, mark: mark('api'), vipPortId: expect.stringMatching(/^[0-9a-f-]{36}$/) })
      const second = await lb().loadBalancers.create(spec, mark('api')).catch((e: unknown) => e)
      expect([isConflict(second), isUnclear(second)], `${String(second)} ${JSON.stringify(failureOf(second))}`).toEqual([true, false])
      const status = async () => (await lb().loadBalancers.get(made.id))?.provisioningStatus
      await until('load balancer is ACTIVE', patienceMs, async () => { const s = await status(); if (s === 'ERROR') throw new Error('load balancer in ERROR'); return s === 'ACTIVE' })

      // Asked for at once: the driver lets them go one after another and waits while Octavia is at work.
      const [api, talos] = await Promise.all([
        lb().listeners.create({ loadBalancerId: made.id, port: 6443, ...(provider === 'amphora' && { allowedCidrs: ['192.0.2.0/24'] }) }, mark('api-6443')),
        lb().listeners.create({ loadBalancerId: made.id, port: 50_000 }, mark('api-50000')),
      ])
      expect(api).toMatchObject({ loadBalancerId: made.id, port: 6443, mark: mark('api-6443') })
      expect((await lb().listeners.create({ loadBalancerId: made.id, port: 6443 }, mark('api-6443'))).id).toBe(api.id)
      const foreign = await lb().listeners.create({ loadBalancerId: made.id, port: 6443 }, mark('other')).catch((e: unknown) => e)
      expect([isAlreadyExists(foreign), isConflict(foreign), isUnclear(foreign)], String(foreign)).toEqual([true, true, false])
      expect(talos.id).not.toBe(api.id)

      if (provider === 'amphora') {
        for (const list of [null, ['198.51.100.0/24', '192.0.2.0/24'], ['192.0.2.0/24']] as const) {
          await lb().listeners.admit(api.id, list)
          expect((await lb().listeners.get(api.id))?.allowedCidrs ?? null).toEqual(list === null ? null : expect.toSatisfy((have: readonly string[]) => have.toSorted().join() === list.toSorted().join()))
        }
      }

      const algorithm = provider === 'ovn' ? 'SOURCE_IP_PORT' : 'ROUND_ROBIN'
      const pool = await lb().pools.create({ listenerId: api.id, algorithm }, mark('api-6443'))
      expect((await lb().pools.create({ listenerId: api.id, algorithm }, mark('api-6443'))).id).toBe(pool.id)
      expect(isAlreadyExists(await lb().pools.create({ listenerId: api.id, algorithm }, mark('other')).catch((e: unknown) => e))).toBe(true)

      // The OVN provider looks for a member's port once, when it is added.
      const port = await cloud.network.ports.create({ networkId: bed.network.id, securityGroupIds: [] }, mark('member'))
      const member = { address: port.fixedIps[0]!.address, port: 6443, subnetId: bed.subnet.id, name: 'cp-0' }
      await lb().addMembers(pool, [member])
      await lb().addMembers(pool, [member])
      await lb().addHealthMonitor(pool, { type: 'TCP', delay: 5, timeout: 3, maxRetries: 2 })
      await lb().addHealthMonitor(pool, { type: 'TCP', delay: 5, timeout: 3, maxRetries: 2 })
      const members = await lb().members(pool.id)
      expect(members.map((m) => [m.address, m.port, m.adminStateUp])).toEqual([[member.address, 6443, true]])
      const kept = await lb().pools.get(pool.id)
      expect(kept).toMatchObject({ id: pool.id, loadBalancerId: made.id, listenerIds: [api.id], memberIds: [members[0]!.id], healthMonitorId: expect.stringMatching(/^[0-9a-f-]{36}$/), mark: mark('api-6443') })
      const after = performance.now()
      const listed = (await lb().listeners.list(after)).items.filter((l) => l.loadBalancerId === made.id)
      expect(listed.map((l) => [l.port, l.mark]).toSorted()).toEqual([[50_000, mark('api-50000')], [6443, mark('api-6443')]])
      if (provider === 'amphora') expect(listed.find((l) => l.port === 6443)?.allowedCidrs).toEqual(['192.0.2.0/24'])
      expect((await lb().listeners.get(api.id))?.defaultPoolId).toBe(pool.id)
      expect((await lb().pools.list(after)).items.find((p) => p.id === pool.id)?.memberIds).toEqual([members[0]!.id])
      expect((await lb().loadBalancers.list(after)).items.find((l) => l.id === made.id)?.mark).toEqual(mark('api'))

      await lb().removeMember(pool.id, members[0]!.id)
      await lb().removeMember(pool.id, members[0]!.id)
      // The lab's amphora provider has no amphora to tell: there the member ends in ERROR and goes with the load balancer.
      await until('member is gone', patienceMs, async () => (await lb().members(pool.id)).every((m) => m.provisioningStatus === 'ERROR'))
      await lb().listeners.delete(talos.id)
      expect(isConflict(await lb().loadBalancers.delete(made.id).catch((e: unknown) => e)), 'a load balancer with listeners needs cascade').toBe(true)
      await lb().loadBalancers.deleteCascade(made.id)
      await gone(lb().loadBalancers as never, made.id, patienceMs)
      await lb().loadBalancers.deleteCascade(made.id)
      await cloud.network.ports.delete(port.id)
    })

    test('O2 O3 O5 made with all that is below it in one call; members come by one call a pool, and again change nothing', async ({ skip }) => {
      if (!bed.subject.loadBalancerProviders.includes(provider)) skip(`the cloud has no provider ${provider}`)
      const { patienceMs, cloud } = bed.subject
      // Another than before: the lab's amphora provider leaves the VIP's port behind.
      const vipAddress = { amphora: '10.77.0.7', ovn: '10.77.0.8' }[provider]
      const mark = (role: string) => bed.marks.mark(`${role}-${provider}-whole`)
      const algorithm = provider === 'ovn' ? 'SOURCE_IP_PORT' : 'ROUND_ROBIN'
      const monitor = { type: 'TCP', delay: 5, timeout: 3, maxRetries: 2 } as const
      const listeners = [6443, 50_000].map((port) => ({ mark: mark(`api-${port}`), port, ...(provider === 'amphora' && { allowedCidrs: ['192.0.2.0/24'] }), pool: { mark: mark(`api-${port}`), algorithm, monitor } } as const))
      const made = await lb().loadBalancers.create({ vipSubnetId: bed.subnet.id, vipAddress, provider, listeners }, mark('api'))
      expect(made).toMatchObject({ vipAddress, mark: mark('api') })

      /** What a list shows of it, once Octavia is at work on no part. */
      const quiet = () => until('load balancer and what is below it are ACTIVE', patienceMs, async () => {
        const after = performance.now()
        const [balancers, allListeners, allPools] = await Promise.all([lb().loadBalancers.list(after), lb().listeners.list(after), lb().pools.list(after)])
        const seen = { balancer: balancers.items.filter((o) => o.id === made.id), listeners: allListeners.items.filter((o) => o.loadBalancerId === made.id), pools: allPools.items.filter((o) => o.loadBalancerId === made.id) }
        const all = Object.values(seen).flat()
        if (all.some((o) => o.provisioningStatus === 'ERROR')) throw new Error(`in ERROR: ${JSON.stringify(all)}`)
        return all.length === 5 && all.every((o) => o.provisioningStatus === 'ACTIVE') && seen
      })
      const seen = await quiet()
      const pools = listeners.map((wanted) => {
        const listener = seen.listeners.find((l) => l.port === wanted.port)!
        const pool = seen.pools.find((p) => p.id === listener.defaultPoolId)!
        expect([listener.mark, listener.allowedCidrs ?? null]).toEqual([wanted.mark, provider === 'amphora' ? ['192.0.2.0/24'] : expect.toSatisfy((list: readonly string[] | null) => list === null || list.length === 0)])
        expect(pool).toMatchObject({ mark: wanted.mark, listenerIds: [listener.id], memberIds: [], healthMonitorId: expect.stringMatching(/^[0-9a-f-]{36}$/) })
        return pool
      })
      const api = listeners[0]!
      expect((await lb().listeners.create({ loadBalancerId: made.id, port: 6443 }, api.mark)).id, 'what came with the balancer is adopted').toBe(seen.listeners.find((l) => l.port === 6443)!.id)

      // The OVN provider looks for a member's port once, when it is added.
      const ports = await Promise.all([0, 1, 2].map((n) => cloud.network.ports.create({ networkId: bed.network.id, securityGroupIds: [] }, mark(`member-${n}`))))
      const member = (n: number, port: number) => ({ address: ports[n]!.fixedIps[0]!.address, port, subnetId: bed.subnet.id, name: `cp-${n}` })
      // Asked for at once: the driver lets them go one after another.
      await Promise.all(pools.map((pool, i) => lb().addMembers(pool, [0, 1].map((n) => member(n, listeners[i]!.port)))))
      await quiet()
      const members = async () => new Map((await lb().members(pools[0]!.id)).map((m) => [`${m.address}:${m.port}`, m]))
      const first = await members()
      const names = (...ns: number[]) => ns.map((n) => `${member(n, 6443).address}:6443`).toSorted()
      expect([...first.keys()].toSorted()).toEqual(names(0, 1))
      const ids = (of: ReadonlyMap<string, { readonly id: string }>, ...ns: number[]) => names(...ns).map((name) => of.get(name)?.id)

      await lb().addMembers(pools[0]!, [member(1, 6443), member(2, 6443)])
      const twice = (await quiet()).pools.find((p) => p.id === pools[0]!.id)!
      const second = await until('members are ACTIVE', patienceMs, async () => { const now = await members(); return [...now.values()].every((m) => m.provisioningStatus === 'ACTIVE') && now })
      expect([...second.keys()].toSorted(), 'who is not on the list stays').toEqual(names(0, 1, 2))
      expect([ids(second, 0, 1), twice.memberIds.toSorted()]).toEqual([ids(first, 0, 1), ids(second, 0, 1, 2).toSorted()])
      expect([...second.values()].map((m) => m.provisioningStatus)).toEqual(['ACTIVE', 'ACTIVE', 'ACTIVE'])

      if (provider === 'ovn') {
        const watching = (await cloud.network.ports.list(performance.now())).items.filter((p) => p.name === `ovn-lb-hm-${bed.subnet.id}`)
        expect(watching.map((p) => [p.networkId, p.deviceOwner]), 'OVN watches the members from a port of ours').toEqual([[bed.network.id, 'ovn-lb-hm:distributed']])
      }
      await lb().loadBalancers.deleteCascade(made.id)
      await gone(lb().loadBalancers as never, made.id, patienceMs)
      await Promise.all(ports.map((p) => cloud.network.ports.delete(p.id)))
    })
  })
}
