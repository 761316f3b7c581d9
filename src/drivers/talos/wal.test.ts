import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clusterIdOf, walHead } from './wal.ts'

const etcd = join(homedir(), '.cache/skerry-lab/talos/bin/etcd')
const freePort = () => new Promise<number>((resolve) => { const s = createServer().listen(0, '127.0.0.1', () => { const { port } = s.address() as { port: number }; s.close(() => { resolve(port) }) }) })

test.runIf(existsSync(etcd))('T1 the cluster id in a real etcd\'s log is the one that etcd answers', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'skerry-etcd-'))
  const [client, peer] = [await freePort(), await freePort()]
  const url = `http://127.0.0.1:${client}`
  const process_ = spawn(etcd, ['--data-dir', dir, '--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', `http://127.0.0.1:${peer}`, '--initial-advertise-peer-urls', `http://127.0.0.1:${peer}`, '--initial-cluster', `default=http://127.0.0.1:${peer}`], { stdio: 'ignore' })
  const ended = new Promise((resolve) => process_.once('exit', resolve))
  try {
    const ask = async (): Promise<string | undefined> => {
      try {
        const answer = await fetch(`${url}/v3/maintenance/status`, { method: 'POST', body: '{}' })
        return answer.ok ? ((await answer.json()) as { header?: { cluster_id?: string } }).header?.cluster_id : undefined
      } catch { return undefined }
    }
    await expect.poll(ask, { timeout: 20_000, interval: 100 }).toBeDefined()
    const id = BigInt((await ask())!).toString(16).padStart(16, '0')
    const segment = readdirSync(join(dir, 'member/wal')).find((n) => n.endsWith('.wal'))!
    expect(clusterIdOf(readFileSync(join(dir, 'member/wal', segment)).subarray(0, 1024))).toBe(id)
  } finally { process_.kill(); await ended; rmSync(dir, { recursive: true }) }
})

test('what the simulator writes is read back, and any other bytes give no id', () => {
  expect(clusterIdOf(walHead(0xfedc_ba98_7654_3210n, 0x0123_4567_89ab_cdefn))).toBe('0123456789abcdef')
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => { expect([undefined, 'string']).toContain(clusterIdOf(Buffer.from(bytes)) === undefined ? undefined : 'string') }))
})
