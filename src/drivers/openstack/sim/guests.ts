/** Runs a guest in each active server, keeps its disk and its console. */
import { deserialize, serialize } from 'node:v8'
import type { World } from './core/world.ts'
import type { ServerRow } from './core/rows.ts'
import { parseCidr } from './core/ipv4.ts'
import { userDataOf } from './compute/user-data.ts'
import type { Fabric, Guest, Nic } from './guest.ts'

export interface Guests {
  start(server: ServerRow): void
  stop(server: ServerRow): void
  reboot(server: ServerRow): void
  console(server: ServerRow): readonly string[]
  /** Disks as they are now, for the journal. */
  save(): void
  resume(): void
  close(): void
}

const consoleLines = 200

/** A Map that says when it was written to. Values changed in place are seen at the next save. */
class Disk extends Map<string, unknown> {
  written: () => void = () => {}
  override set(key: string, value: unknown): this {
    super.set(key, value)
    this.written?.()
    return this
  }
  override delete(key: string): boolean {
    const had = super.delete(key)
    if (had) this.written()
    return had
  }
}

export const guestsOf = (world: World, fabric: Fabric): Guests => {
  const { servers, ports, subnets, images, volumes } = world.tables
  const running = new Map<string, Guest>()
  const consoles = new Map<string, string[]>()
  const disks = new Map<string, Disk>()
  const dirty = new Set<string>()
  /** What to call when a disk is no more. */
  const onGone = new Map<string, (() => void)[]>()

  const save = (): void => {
    for (const id of dirty) {
      const disk = disks.get(id)
      if (disk === undefined) continue
      try {
        const text = serialize([...disk]).toString('base64')
        if (world.settings.stateFile !== undefined) world.values.set(`disk/${id}`, text)
        world.journal.noteValue('value', `disk/${id}`, text)
      } catch { /* holds what cannot be written: lives in memory only */ }
    }
    dirty.clear()
    world.journal.flush()
  }
  /** The root volume's, else the server's own. */
  const diskIdOf = (s: ServerRow): string => s.volumes.find((v) => v.bootIndex === 0)?.id ?? s.id
  const dropDisk = (id: string): void => {
    disks.delete(id)
    const calls = onGone.get(id) ?? []
    onGone.delete(id)
    for (const call of calls) call()
  }
  const diskOf = (s: ServerRow): Disk => {
    const id = diskIdOf(s)
    let disk = disks.get(id)
    if (disk === undefined) {
      const saved = world.values.get(`disk/${id}`)
      disk = new Disk(typeof saved === 'string' ? (deserialize(Buffer.from(saved, 'base64')) as [string, unknown][]) : [])
      disks.set(id, disk)
      const own = disk
      let queued = false
      own.written = () => {
        if (world.settings.stateFile === undefined) return
        dirty.add(id)
        if (queued) return
        queued = true
        setImmediate(() => { queued = false; save() })
      }
    }
    return disk
  }
  const consoleOf = (s: ServerRow): string[] => {
    let lines = consoles.get(s.id)
    if (lines === undefined) consoles.set(s.id, (lines = []))
    return lines
  }
  const nicsOf = (s: ServerRow): readonly Nic[] => s.portIds.flatMap((id) => {
    const port = ports.get(id)
    if (port === undefined) return []
    return port.fixedIps.map((f) => ({ networkId: port.networkId, address: f.address, mac: port.mac, cidr: `${f.address}/${parseCidr(subnets.get(f.subnetId)?.cidr ?? '')?.bits ?? 24}` }))
  })
  const start = (s: ServerRow): void => {
    if (world.settings.guests === undefined || running.has(s.id)) return
    const rootId = s.volumes.find((v) => v.bootIndex === 0)?.id
    const root = rootId === undefined ? undefined : volumes.get(rootId)
    const imageProperties = s.imageId === null ? { ...root?.imageMetadata } : { ...images.get(s.imageId)?.properties }
    const lines = consoleOf(s)
    running.set(s.id, world.settings.guests({
      serverId: s.id, name: s.name, userData: userDataOf(world, s.id), nics: nicsOf(s), imageProperties, fabric, hangs: s.hangs, disk: diskOf(s),
      onDiskGone(call) { const id = diskIdOf(s); onGone.set(id, [...(onGone.get(id) ?? []), call]) },
      console(line) {
        lines.push(line)
        if (lines.length > consoleLines) lines.splice(0, lines.length - consoleLines)
      },
    }))
  }
  const stop = (s: ServerRow): void => {
    running.get(s.id)?.stop()
    running.delete(s.id)
    if (servers.get(s.id) === undefined) consoles.delete(s.id)
  }
  world.changed.volumeGone = dropDisk
  return {
    start,
    stop(s) {
      stop(s)
      if (s.taskState === 'deleting') {
        consoles.delete(s.id)
        dropDisk(s.id)
      }
    },
    reboot(s) {
      const guest = running.get(s.id)
      if (guest === undefined) return start(s)
      guest.reboot()
    },
    console: (s) => consoles.get(s.id) ?? [],
    save,
    resume() { for (const s of servers.all()) if (s.vmState === 'active') start(s) },
    close() {
      for (const id of disks.keys()) dirty.add(id)
      if (world.settings.stateFile !== undefined) save()
      for (const guest of running.values()) guest.stop()
      running.clear()
    },
  }
}
