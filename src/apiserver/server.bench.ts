/** `node --expose-gc src/apiserver/server.bench.ts`: heap of a server with 15 kinds, and CPU of the server for each verb over a memory store. */
import { fork } from 'node:child_process'
import { Agent, request } from 'undici'
import { z } from 'zod'
import { defineKind } from '../api/meta/index.ts'
import { silent } from '../store/log.ts'
import { openMemoryStore } from '../store/memory/memory.ts'
import { createApiServer } from './index.ts'
import { startLab } from './testing/lab-server.ts'

const say = (line: string): void => { process.stdout.write(`${line}\n`) }

const heap = async (count: number): Promise<void> => {
  const kinds = Array.from({ length: 13 }, (_, i) => defineKind({
    group: '', version: 'v1', kind: `Kind${i}`, plural: `kind${i}s`, singular: `kind${i}`, shortNames: [], categories: [], namespaced: true, home: 'hub', writers: { spec: 'user', status: 'user' },
    spec: z.unknown(), status: z.unknown(), description: '', columns: [],
  }))
  const make = () => createApiServer({ store: openMemoryStore(), kinds, builtins: ['namespaces', 'events'], authenticate: () => undefined, authorize: () => true, version: { major: '1', minor: '36', gitVersion: 'v1.36.0' }, log: silent, pollMs: 0 })
  const all = [await make()]
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < count; i++) all.push(await make())
  globalThis.gc?.()
  say(`${count} servers: ${((process.memoryUsage().heapUsed - before) / 1024 / count).toFixed(1)} KiB of heap each`)
  await Promise.all(all.map((s) => s.close()))
}

const serve = async (): Promise<void> => {
  const lab = await startLab()
  process.send!(lab.listening.url)
  process.on('message', () => process.send!(process.cpuUsage()))
}

const load = async (count: number, connections: number): Promise<void> => {
  const child = fork(import.meta.filename, ['serve'])
  const url = await new Promise<string>((done) => child.once('message', done as never))
  const cpuMs = () => new Promise<number>((done) => {
    child.once('message', (c: NodeJS.CpuUsage) => done((c.user + c.system) / 1000))
    child.send('cpu')
  })
  const agent = new Agent({ connections })
  const call = async (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown, type = 'application/json'): Promise<void> => {
    const answer = await request(url + path, { method, dispatcher: agent, headers: { authorization: 'Bearer admin', 'content-type': type }, body: body === undefined ? null : JSON.stringify(body) })
    const text = await answer.body.text()
    if (answer.statusCode > 299) throw new Error(text)
  }
  const phase = async (name: string, times: number, run: (i: number) => Promise<void>): Promise<void> => {
    const [cpu, begun, took] = [await cpuMs(), performance.now(), [] as number[]]
    let next = 0
    await Promise.all(Array.from({ length: connections }, async () => {
      while (next < times) {
        const at = performance.now()
        await run(next++)
        took.push(performance.now() - at)
      }
    }))
    took.sort((a, b) => a - b)
    const at = (q: number): string => took[Math.floor((took.length - 1) * q)]!.toFixed(1)
    say(`${name.padEnd(20)} ${String(Math.round((times / (performance.now() - begun)) * 1000)).padStart(6)}/s   server CPU ${(((await cpuMs()) - cpu) / times).toFixed(3)} ms   p50 ${at(0.5)} p99 ${at(0.99)} ms`)
  }
  await call('POST', '/api/v1/namespaces', { metadata: { name: 'x' } })
  const path = '/apis/lab.skerry.test/v1/namespaces/x/clusters'
  const applied = 'application/apply-patch+yaml'
  const object = (i: number, rest: object) => ({ apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { name: `c${i}` }, ...rest })
  await phase('create', count, (i) => call('POST', path, object(i, { spec: { site: 'sto1', payload: 'x'.repeat(1400) } })))
  await phase('merge patch', count, (i) => call('PATCH', `${path}/c${i}`, { spec: { replicas: 5 } }, 'application/merge-patch+json'))
  await phase('apply', count, (i) => call('PATCH', `${path}/c${i}?fieldManager=m&force=true`, object(i, { spec: { site: 'sto1', replicas: 6 } }), applied))
  await phase('apply status', count, (i) => call('PATCH', `${path}/c${i}/status?fieldManager=m&force=true`, object(i, { status: { phase: 'x' } }), applied))
  await phase('get', count, (i) => call('GET', `${path}/c${i}`))
  await phase(`list ${count}`, 20, () => call('GET', path))
  await phase(`list ${count} by field`, 20, () => call('GET', `${path}?fieldSelector=spec.site%3Dnone`))
  await phase('delete', count, (i) => call('DELETE', `${path}/c${i}`))
  await agent.close()
  child.kill()
}

if (process.argv[2] === 'serve') await serve()
else {
  await heap(1_000)
  await load(5_000, 16)
}
