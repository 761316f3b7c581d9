/** The state file: what was answered is there after the process ended, tokens, steps and disks included. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { GuestFactory } from './guest.ts'
import { startOpenStackSim } from './index.ts'
import { clientOf, place, port, server, settled } from './testing.ts'

it('goes on after it was ended: objects, quotas, a build under way, disks', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sim-'))
  const boots: string[] = []
  const guests: GuestFactory = (g) => {
    const times = Number(g.disk.get('boots') ?? 0) + 1
    g.disk.set('boots', times)
    boots.push(`${g.name} ${times}`)
    return { reboot() {}, stop() {} }
  }
  const options = { stateFile: join(folder, 'cloud.jsonl'), publicCidr: '127.85.0.0/16', guests }
  try {
    const first = await startOpenStackSim(options)
    const c = await clientOf(first)
    const p = await place(first, c)
    await settled(c, await server(c, p, (await port(c, p.network)).id, { name: 'done' }))
    const volume = (await c.call('POST', '/volume/v3/volumes', { volume: { size: 1 } })).body.volume.id as string
    const before = first.inventory()
    await first.close()

    const second = await startOpenStackSim({ ...options, latencies: { serverBuild: 5 } })
    try {
      expect(second.inventory()).toEqual(before)
      const d = await clientOf(second)
      await d.until(`/volume/v3/volumes/${volume}`, (a) => a.body.volume.status === 'available')
      const one = await port(d, p.network)
      expect((await d.call('GET', `/network/v2.0/ports?network_id=${p.network}`)).body.ports.map((x: { fixed_ips: { ip_address: string }[] }) => x.fixed_ips[0]?.ip_address).filter((a: string) => a === one.address)).toHaveLength(1)
      expect(boots).toEqual(['done 1', 'done 2'])
    } finally { await second.close() }
  } finally { rmSync(folder, { recursive: true }) }
})
