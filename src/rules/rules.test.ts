import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressText, contains, firstOverlap, nth, overlap, parseAddress, parseCidr } from '../api/meta/cidr.ts'
import { milliseconds } from './durations.ts'
import { endpointName, machineName } from './names.ts'
import { allocationPool, balancerTraits, controlPlaneIngress, listenerCidrs, slotAddress, vipAddress, whyNotEnforceable } from './node-network.ts'
import { isViewIncomplete } from './view.ts'

test('O1 machine names are DNS labels of at most 63 characters, ending in five that look random, and differ by ordinal', () => {
  fc.assert(fc.property(fc.stringMatching(/^[a-z][a-z0-9-]{0,79}$/), fc.uuid(), fc.nat(10_000), (prefix, uid, n) => {
    const name = machineName(prefix, uid, n)
    return /^[a-z][a-z0-9-]*-[a-z0-9]{5}$/.test(name) && name.length <= 63 && name === machineName(prefix, uid, n) && name !== machineName(prefix, uid, n + 1)
  }))
})
test('T4 the endpoint\'s name comes from the uid', () => expect(endpointName('0f8e2b6a-0000-0000-0000-000000000000')).toBe('api.0f8e2b6a.skerry.internal'))
test('addresses survive being numbers', () => fc.assert(fc.property(fc.ipV4(), (a) => addressText(parseAddress(a)!) === a)))
test('overlap is symmetric and agrees with containment', () => {
  const cidr = fc.tuple(fc.nat(2 ** 32 - 1), fc.integer({ min: 4, max: 32 })).map(([n, prefix]) => ({ base: Math.floor(n / 2 ** (32 - prefix)) * 2 ** (32 - prefix), prefix }))
  fc.assert(fc.property(cidr, cidr, (a, b) => overlap(a, b) === overlap(b, a) && (!contains(a, b.base) || overlap(a, b))))
})
test.each(['10.0.0.1/24', '10.0.0.0/33', '10.0.0/8', '010.0.0.0/8', '10.0.0.0', '256.0.0.0/8'])('%s is no network', (text) => expect(parseCidr(text)).toBeUndefined())
test('the first two that overlap are named', () => expect(firstOverlap(['10.0.0.0/24', '10.1.0.0/16', '10.1.2.0/24'])).toEqual([1, 2]))
test('O5 the balancer\'s address and the slots lie outside what Neutron hands out', () => {
  fc.assert(fc.property(fc.integer({ min: 16, max: 26 }), fc.nat(4), (prefix, slot) => {
    const cidr = `10.64.0.0/${prefix}`
    const pool = allocationPool(cidr)
    const inside = (a: string) => parseAddress(a)! >= parseAddress(pool.start)! && parseAddress(a)! <= parseAddress(pool.end)!
    return !inside(vipAddress(cidr)) && !inside(slotAddress(cidr, slot)) && inside(nth(parseCidr(cidr)!, 30))
  }))
})
test.each([[10, 3, false], [10, 4, true], [100, 10, false], [100, 11, true], [0, 0, false]])('E2 of %i known objects %i unseen: incomplete %s', (known, unseen, want) => expect(isViewIncomplete(known, unseen)).toBe(want))
test.each([['10m', 600_000], ['90s', 90_000], ['2h', 7_200_000]])('%s are %i ms', (text, ms) => expect(milliseconds(text)).toBe(ms))

const policy = { allowedCIDRs: ['192.0.2.0/24'], egressCIDRs: ['198.51.100.7/32'], nodeCidr: '10.0.0.0/24', balancerFilters: false }
const cidrs = (port: number, p = policy) => controlPlaneIngress(p).filter((r) => r.port === port).map((r) => r.cidr)
test('O6 without a filtering balancer the node group holds the list, ours and the node subnet', () => {
  expect(cidrs(6443)).toEqual(['10.0.0.0/24', '192.0.2.0/24', '198.51.100.7/32'])
  expect(cidrs(50000)).toEqual(['10.0.0.0/24', '198.51.100.7/32'])
  expect(listenerCidrs(policy, 6443)).toBeNull()
})
test('O6 behind a filtering balancer nodes see its subnet only, and the listeners hold the list', () => {
  const p = { ...policy, balancerFilters: true }
  expect([cidrs(6443, p), cidrs(50000, p)]).toEqual([['10.0.0.0/24'], ['10.0.0.0/24']])
  expect(listenerCidrs(p, 6443)).toEqual(['10.0.0.0/24', '192.0.2.0/24', '198.51.100.7/32'])
  expect(listenerCidrs(p, 50000)).toEqual(['10.0.0.0/24', '198.51.100.7/32'])
})
test('O6 an empty list admits everybody to the API and nobody but us to Talos', () => {
  const open = { ...policy, allowedCIDRs: [] }
  expect(cidrs(6443, open)).toContain('0.0.0.0/0')
  expect(cidrs(50000, open)).not.toContain('0.0.0.0/0')
})
test.each([['amphora', false], ['amphorav2', false], ['octavia', false], ['ovn', false], ['f5', true]])('O6 a list behind provider %s cannot be enforced: %s', (provider, unkept) => {
  expect(whyNotEnforceable('sto1', { provider, ...balancerTraits(provider) }) !== undefined).toBe(unkept)
})
test('O6 the reason names site, provider and what to do; where nothing is known yet, or no balancer is there, there is none', () => {
  expect(whyNotEnforceable('sto1', { provider: 'f5', ...balancerTraits('f5') })).toMatch(/provider f5 of site sto1 .*spec\.endpoint\.kind: nodes/)
  expect([whyNotEnforceable('sto1', undefined), whyNotEnforceable('sto1', { provider: 'f5', allowedCIDRs: false })]).toEqual([undefined, undefined])
})
