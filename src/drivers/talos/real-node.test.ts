/**
 * The driver against a real Talos machine (User-Mode Linux, lab/talos), which it configures, bootstraps and questions. Needs what
 * lab/talos/build.sh makes, and root; run it with `TALOS_LAB=1 npx vitest run src/drivers/talos/real-node.test.ts` (about a minute).
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTalos } from './client.ts'
import { reference } from './config/reference.ts'
import { renderMachineConfig } from './config/render.ts'
import { packUserData } from './config/user-data.ts'
import { isNotFound, isPermission, isPrecondition } from './errors.ts'
import { newSecretsBundle } from './pki/bundle.ts'
import type { SecretsBundle, Talos, TalosNode } from './talos.ts'

const built = join(homedir(), '.cache/skerry-lab/talos')
const script = fileURLToPath(new URL('../../../lab/talos/node.sh', import.meta.url))
const net = '198.18.92'
const address = `${net}.11`

describe.runIf(process.env['TALOS_LAB'] !== undefined)('a real Talos machine', { timeout: 300_000 }, () => {
  let dir: string
  let secrets: SecretsBundle
  let talos: Talos
  let node: TalosNode
  const lab = (...args: readonly string[]) => execFileSync(script, [...args], { env: { ...process.env, LAB: dir, NS: 'talosdrv', NET: net }, stdio: 'pipe' })
  const as = (role: 'os:admin' | 'os:reader', of = secrets) => talos.node({ endpoint: `${address}:50000`, cluster: 'c', secrets: of, role })
  const until = (what: () => Promise<unknown>) => expect.poll(async () => { try { return await what() } catch { return undefined } }, { timeout: 180_000, interval: 500 })
  const failure = async (call: () => Promise<unknown>): Promise<unknown> => { try { await call() } catch (e) { return e } throw new Error('it did not fail') }

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'skerry-talos-'))
    // Its own state beside the lab's, with what the lab built.
    for (const name of readdirSync(built)) if (name !== 'run') symlinkSync(join(built, name), join(dir, name))
    secrets = await newSecretsBundle({ now: new Date() })
    const input = reference(secrets)['controlplane']!
    const config = renderMachineConfig({
      ...input, cluster: { ...input.cluster, endpointAddresses: [address], certSANs: [address], nodeCidr: `${net}.0/24` },
      site: { ...input.site, ntp: [], timeSyncDisabled: true, dns: [`${net}.1`], relaxedTimers: true, registryMirrors: { '*': { endpoints: [`http://${net}.1:5000`], skipFallback: true } } },
      machine: { hostname: 'cp-a', labels: {}, taints: [] },
    })
    writeFileSync(join(dir, 'user-data'), Buffer.from(packUserData(config).base64, 'base64'), { mode: 0o600 })
    lab('up', 'cp-a', address, join(dir, 'user-data'))
    talos = openTalos({ now: () => new Date() })
    node = as('os:admin')
  }, 120_000)
  afterAll(async () => {
    await talos?.close()
    lab('down-all')
    rmSync(dir, { recursive: true })
  })

  test('T3 T5 first contact under its authority and no other; it says its version, name and server id', async () => {
    await until(() => talos.handshake(`${address}:50000`, secrets)).toBe(true)
    expect(await talos.handshake(`${address}:50000`, await newSecretsBundle({ now: new Date(), serviceAccountKey: 'ecdsa' }))).toBe(false)
    await until(() => node.hostname()).toBe('cp-a')
    expect(await node.instanceId()).toBe(readFileSync(join(dir, 'run/cp-a/uuid'), 'utf8').trim())
    expect(await node.version()).toEqual({ tag: expect.stringMatching(/^v1\.13\./), platform: 'openstack' })
    expect(await node.dmesg(1)).toContain('[talos]')
  })

  test('T1 no data is concluded only from a mounted disk; bootstrap; etcd answers with the id from its own log', async () => {
    const data = async () => { try { return await node.etcdDataExists() } catch (e) { if (!isPrecondition(e)) throw e; return 'early' } }
    await until(data).toBe(false)
    expect(isPermission(await failure(() => as('os:reader').bootstrap()))).toBe(true)
    await until(async () => { await node.bootstrap(); return true }).toBe(true)
    await until(async () => (await node.etcdStatus()).isLearner).toBe(false)
    const status = await node.etcdStatus()
    expect(status).toMatchObject({ clusterId: expect.stringMatching(/^(?!0{16})[0-9a-f]{16}$/), leader: status.memberId, errors: [] })
    expect(await node.etcdMembers()).toEqual([{ id: status.memberId, hostname: 'cp-a', peerUrls: [`https://${address}:2380`], isLearner: false }])
    expect(await node.etcdDataExists()).toBe(true)
    expect(isNotFound(await failure(() => node.etcdRemoveMember('0000000000000001')))).toBe(true)
    expect((await node.services()).find((s) => s.id === 'etcd')).toEqual({ id: 'etcd', state: 'Running', healthy: true })
  })
})
