/** Clusters come and go in a cloud where things go wrong. Usage: node e2e/cycles/story.ts [--cycles 20] [--lanes 4] [--quick 1] [--seed N] [--json] */
import { setTimeout as sleep } from 'node:timers/promises'
import { Site } from '../../src/api/index.ts'
import { complaint, createCluster, deleteCluster, goneWithin, readyWithin } from '../clusters.ts'
import { etcdsEver, settle } from '../inventory.ts'
import { isMain, makeReport, readFlags, seeded } from '../report.ts'
import { startServer, type Fault, type Server } from '../server.ts'
import { draw } from './faults.ts'

export interface CyclesOptions {
  readonly cycles: number
  /** Cycles side by side. */
  readonly lanes: number
  /** 1: only faults that are overcome in seconds. */
  readonly quick: number
  readonly seed: number
  readonly json: boolean
}

const middle = (of: readonly number[], part: number): string => (of.length === 0 ? '-' : of.toSorted((a, b) => a - b)[Math.min(of.length - 1, Math.floor(of.length * part))]!.toFixed(1))

/** On a server of its own, else on one that holds no cluster. */
export const run = async (o: CyclesOptions, given?: Server): Promise<{ readonly passed: number; readonly failed: number }> => {
  const report = makeReport(o.json)
  const random = seeded(o.seed)
  report.figure('seed', o.seed)
  const limitMs = o.quick === 1 ? 100_000 : 600_000
  const server = given ?? (await startServer())
  try {
    // A machine that hangs at boot is rebooted after 15 s instead of ten minutes, so that a cycle waits seconds.
    const site = (await server.resources.get(Site, { namespace: '', name: 'sim' }))!
    await server.resources.update(Site, { ...site, spec: { ...site.spec, bootTimeout: '15s' } }, { manager: 'e2e' })
    const before = await settle(server, {}, 30_000)
    report.check('the cloud is empty before', before.wrong === '', before.wrong)
    const struck: Record<string, number> = {}
    const ready: number[] = []
    const gone: number[] = []
    const failures: string[] = []
    let begun = 0
    const lane = async (): Promise<void> => {
      while (begun < o.cycles) {
        const name = `cycle-${begun++}`
        const drawn = Array.from({ length: 1 + Math.floor(random() * 3) }, () => draw(random, o.quick === 1))
        const hasty = random() < 0.3 ? random() * 5000 : undefined
        const ids = await Promise.all(drawn.map(async (d) => ({ ...d, ...(await server.admin<{ readonly id: string }>('POST', 'faults', d.fault)) })))
        await createCluster(server, name)
        // Some are deleted before they are Ready.
        if (hasty !== undefined) await sleep(hasty)
        else {
          const seconds = await readyWithin(server, name, limitMs)
          if (seconds === undefined) failures.push(`${name} is not Ready (${drawn.map((d) => d.says).join(', ')}): ${await complaint(server, name)}`)
          else ready.push(seconds)
        }
        await deleteCluster(server, name)
        const seconds = await goneWithin(server, name, limitMs)
        if (seconds === undefined) failures.push(`${name} is not gone (${drawn.map((d) => d.says).join(', ')}): ${await complaint(server, name)}`)
        else gone.push(seconds)
        const standing = await server.admin<readonly Fault[]>('GET', 'faults')
        for (const d of ids) {
          struck[d.says] = (struck[d.says] ?? 0) + (standing.find((s) => s.id === d.id)?.struck ?? 0)
          await server.admin('DELETE', `faults/${d.id}`)
        }
        report.say(`${name} ${hasty === undefined ? 'came and went' : `was deleted after ${(hasty / 1000).toFixed(1)} s`}: ${drawn.map((d) => d.says).join(', ')}`)
      }
    }
    await Promise.all(Array.from({ length: Math.min(o.lanes, o.cycles) }, lane))
    for (const [says, n] of Object.entries(struck).toSorted()) report.say(`struck ${n} times: ${says}`)
    report.figure('seconds to Ready, half and nine of ten', `${middle(ready, 0.5)}, ${middle(ready, 0.9)}`)
    report.figure('seconds to go, half and nine of ten', `${middle(gone, 0.5)}, ${middle(gone, 0.9)}`)
    report.check(`${o.cycles} clusters came and went`, failures.length === 0, failures.join('\n'))
    // An effect may come 45 s after its call was given up.
    const after = await settle(server, {}, o.quick === 1 ? 15_000 : 120_000)
    report.check('the cloud is empty after', after.wrong === '', after.wrong)
    report.check('nothing was left twice', after.doubles.length === 0, after.doubles.join('; '))
    const ever = await etcdsEver(server)
    report.check(`the machines know one etcd for each of ${ever.length} clusters that were bootstrapped`, ever.every((e) => e.length === 1), JSON.stringify(ever.filter((e) => e.length > 1)))
  } catch (error) { report.check('the story ends', false, error instanceof Error ? error.stack : String(error)) } finally { if (given === undefined) await server.stop() }
  return report.end()
}

if (isMain(import.meta.url)) await run(readFlags({ cycles: 20, lanes: 4, quick: 0, seed: Date.now() % 1_000_000 }))
