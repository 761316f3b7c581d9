/** Which addresses of a subnet are taken, and the next free one of its pools. Rebuilt from the ports at a start. */
import { toAddress, toInt } from '../core/ipv4.ts'
import type { SubnetRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'

export interface Addresses {
  isTaken(subnetId: string, address: string): boolean
  take(subnetId: string, address: string): void
  release(subnetId: string, address: string): void
  /** undefined when the pools are empty. */
  next(subnet: SubnetRow): string | undefined
  /** Port id at an address of a network; Fabric and monitors ask. */
  mac(): string
}

export const addresses = (world: World): Addresses => {
  const taken = new Map<string, { readonly set: Set<number>; cursor: number }>()
  const of = (subnetId: string): { readonly set: Set<number>; cursor: number } => {
    let own = taken.get(subnetId)
    if (own === undefined) taken.set(subnetId, (own = { set: new Set(), cursor: 0 }))
    return own
  }
  for (const port of world.tables.ports.all()) for (const f of port.fixedIps) of(f.subnetId).set.add(toInt(f.address))
  const hex = (): string => Math.floor(world.settings.random() * 256).toString(16).padStart(2, '0')
  const macs = new Set([...world.tables.ports.all()].map((p) => p.mac))
  return {
    isTaken: (subnetId, address) => of(subnetId).set.has(toInt(address)),
    take(subnetId, address) { of(subnetId).set.add(toInt(address)) },
    release(subnetId, address) { of(subnetId).set.delete(toInt(address)) },
    next(subnet) {
      const own = of(subnet.id)
      const pools = subnet.pools.map((p) => [toInt(p.start), toInt(p.end)] as const)
      const size = pools.reduce((sum, [a, b]) => sum + b - a + 1, 0)
      for (let i = 0; i < size; i++) {
        let at = (own.cursor + i) % size
        for (const [a, b] of pools) {
          if (at <= b - a) {
            if (!own.set.has(a + at)) {
              own.cursor = (own.cursor + i + 1) % size
              return toAddress(a + at)
            }
            break
          }
          at -= b - a + 1
        }
      }
      return undefined
    },
    mac() {
      for (;;) {
        const mac = `fa:16:3e:${hex()}:${hex()}:${hex()}`
        if (!macs.has(mac)) {
          macs.add(mac)
          return mac
        }
      }
    },
  }
}
