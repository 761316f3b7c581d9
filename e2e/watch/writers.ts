/** Writers: each notes what it wanted and what it was told, reads after its writes at either replica, and never assumes. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { bodyOf } from '../../src/store/body.ts'
import { isUnavailable, isUnclear } from '../../src/store/errors.ts'
import type { Operation, Store } from '../../src/store/store.ts'
import { pick } from '../report.ts'
import { colours, cratePath, path, resource, type BoxObject } from './box.ts'
import type { Read, Write } from './history.ts'
import type { Answer, Client, Replicas } from './replicas.ts'

export interface Notes { readonly writes: Write[]; readonly reads: Read[] }
export interface Working { readonly signal: AbortSignal; readonly random: () => number; readonly pauseMs: number }

/** 503 says "not made"; 504, 5xx and silence say nothing. */
const outcomeOf = ({ code }: Answer): Write['outcome'] => (code < 300 ? 'ok' : code < 500 || code === 503 ? 'no' : 'unknown')

/** `names`: what it writes, alone or with others. Deletes and makes anew as often as it changes. */
export const writeOverHttp = async (id: string, names: readonly string[], replicas: Replicas, notes: Notes, { signal, random, pauseMs }: Working): Promise<void> => {
  const client = replicas.newClient()
  const anyReplica = (): number => Math.floor(random() * replicas.count)
  const ask = async (...args: Parameters<Client['request']>): Promise<Answer> => client.request(...args).catch(() => ({ code: 599, body: undefined }))
  let last = 0
  for (let n = 0; !signal.aborted; n++) {
    const [name, at, value] = [pick(random, names), anyReplica(), `${id}-${n}`]
    const object = { metadata: { name, labels: { colour: pick(random, colours) } }, spec: { value, payload: 'x'.repeat(200) } }
    const there = await ask(at, 'GET', `${path}/${name}`)
    const isThere = there.code === 200
    if (isThere && random() < 0.3) {
      const { uid } = (there.body as BoxObject).metadata
      const answer = await ask(at, 'DELETE', `${path}/${name}`, { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid } })
      notes.writes.push({ id: value, name, wants: { kind: 'delete', uid }, outcome: outcomeOf(answer) })
    } else if (there.code === 200 || there.code === 404) {
      const answer = isThere ? await ask(at, 'PATCH', `${path}/${name}`, object, 'application/merge-patch+json') : await ask(at, 'POST', path, { apiVersion: 'e2e.skerry.test/v1', kind: 'Box', ...object })
      const outcome = outcomeOf(answer)
      const version = outcome === 'ok' ? Number((answer.body as BoxObject).metadata.resourceVersion) : undefined
      notes.writes.push({ id: value, name, wants: { kind: 'put', value }, outcome, ...(version !== undefined && { version }) })
      if (version !== undefined) last = version
    }
    const read = await ask(anyReplica(), 'GET', `${path}/${name}`)
    if (read.code === 200 || read.code === 404) notes.reads.push({ id: value, name, after: last, version: read.code === 404 ? undefined : Number((read.body as BoxObject).metadata.resourceVersion) })
    await sleep(pauseMs, undefined, { signal }).catch(() => {})
  }
  await client.close()
}

/** About 2 MB/s: more than any buffer on the way to a reader who does not read. Nothing is noted. */
export const writeCrates = async (replicas: Replicas, { signal, random }: Working): Promise<void> => {
  const client = replicas.newClient()
  for (let n = 0; !signal.aborted; n++) {
    const crate = { apiVersion: 'e2e.skerry.test/v1', kind: 'Crate', metadata: { name: 'crate' }, spec: { payload: `${n} ${'x'.repeat(200_000)}` } }
    const at = Math.floor(random() * replicas.count)
    const answer = await client.request(at, 'PATCH', `${cratePath}/crate?fieldManager=story&force=true`, crate, 'application/apply-patch+yaml').catch(() => ({ code: 599, body: undefined }))
    await sleep(answer.code < 300 ? 100 : 200, undefined, { signal }).catch(() => {})
  }
  await client.close()
}

/** Three objects in one transaction, made and deleted, at the store itself: over HTTP no request writes so many. */
export const writeSeveral = async (id: string, store: Store, notes: Notes, { signal, random, pauseMs }: Working): Promise<void> => {
  for (let n = 0; !signal.aborted; n++) {
    const group = `${id}-${n}`
    const boxes = ['a', 'b', 'c'].map((each) => ({ name: `${group}-${each}`, uid: randomUUID(), value: `${group}-${each}`, colour: pick(random, colours) }))
    const making = boxes.map(({ name, uid, value, colour }): Operation => {
      const labels = { colour }
      const body = bodyOf({ apiVersion: 'e2e.skerry.test/v1', kind: 'Box', metadata: { name, uid, creationTimestamp: '2026-01-01T00:00:00Z', generation: 1, labels }, spec: { value } } as never)
      return { key: { resource, namespace: '', name }, expect: 'absent', row: { resource, namespace: '', name, uid, body, labels, ownerUids: [], finalizers: [], deleting: false } }
    })
    const commit = async (operations: readonly Operation[]): Promise<{ readonly outcome: Write['outcome']; readonly versions: readonly number[] }> => {
      try {
        const done = await store.commit({ operations })
        return done.kind === 'committed' ? { outcome: 'ok', versions: done.versions } : { outcome: 'no', versions: [] }
      } catch (error) {
        if (!isUnclear(error) && !isUnavailable(error)) throw error
        return { outcome: isUnclear(error) ? 'unknown' : 'no', versions: [] }
      }
    }
    const made = await commit(making)
    boxes.forEach(({ name, value }, i) => notes.writes.push({ id: value, name, wants: { kind: 'put', value }, outcome: made.outcome, group, ...(made.versions[i] !== undefined && { version: made.versions[i] }) }))
    if (made.outcome === 'ok' && n % 2 === 0) {
      const gone = await commit(making.map(({ key }, i) => ({ key, expect: made.versions[i]!, row: undefined })))
      boxes.forEach(({ name, uid, value }, i) => notes.writes.push({ id: `${value}-gone`, name, wants: { kind: 'delete', uid }, outcome: gone.outcome, group: `${group}-gone`, ...(gone.versions[i] !== undefined && { version: gone.versions[i] }) }))
    }
    await sleep(pauseMs * 2, undefined, { signal }).catch(() => {})
  }
}
