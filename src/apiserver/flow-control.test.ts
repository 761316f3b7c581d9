import { Registry } from 'prom-client'
import { afterEach, expect, test } from 'vitest'
import { openFlowControl, type FlowControl, type FlowControlOptions, type Level, type Turn } from './flow-control.ts'
import { apiStatusOf } from './status.ts'
import { caller, startLab, watching, type LabServer } from './testing/lab-server.ts'

const level: Level = { seats: 2, rate: 1_000, burst: 1_000, queue: 3, waitMs: 60_000, streams: 2, streamsInAll: 3, bytes: 100, bytesInAll: 150 }
const levels = (more: Partial<Level> = {}): FlowControlOptions => ({ levels: { people: { ...level, ...more }, controllers: level, strangers: { ...level, burst: 2, rate: 1 } }, levelOf: (i) => (!('writer' in i) ? 'strangers' : i.writer === 'site' ? 'controllers' : 'people') })
const who = (user: string) => ({ user, groups: [], writer: user === 'site' ? 'site' : 'user' } as const)

const refused: string[] = []
let clock = 0
const open = (o: FlowControlOptions): FlowControl => {
  refused.length = 0
  clock = 0
  return openFlowControl(o, { refused: (l, why) => refused.push(`${l} ${why}`), waited() {} }, () => clock)
}
const refusal = (f: () => unknown): object | undefined => { try { f(); return undefined } catch (e) { return apiStatusOf(e) } }
/** Sits, and writes its name down when it does. */
const sitting = (flows: FlowControl, user: string, seated: { readonly user: string; readonly turn: Turn }[]): void => {
  const turn = flows.arrive(who(user))
  const seat = turn.sit()
  if (seat === undefined) seated.push({ user, turn })
  else void seat.then(() => seated.push({ user, turn }))
}
const turnOver = () => new Promise((done) => setImmediate(done))

test('who comes too often is told when to come again', () => {
  const flows = open(levels({ rate: 2, burst: 3 }))
  for (let i = 0; i < 3; i++) flows.arrive(who('ada'))
  expect(refusal(() => flows.arrive(who('ada')))).toMatchObject({ code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 1 } })
  flows.arrive(who('bob'))
  clock += 500
  flows.arrive(who('ada')).spend(3)
  expect(refusal(() => flows.arrive(who('ada')))).toMatchObject({ details: { retryAfterSeconds: 2 } })
  expect(refused).toEqual(['people rate', 'people rate'])
})

test('the flow that used least sits next, and seats of another level stay free', async () => {
  const flows = open(levels())
  const seated: { readonly user: string; readonly turn: Turn }[] = []
  for (const user of ['ada', 'ada', 'ada', 'ada', 'bob', 'cid', 'site']) sitting(flows, user, seated)
  expect(seated.map((s) => s.user)).toEqual(['ada', 'ada', 'site'])
  for (let i = 0; i < 7; i++) {
    clock += 10
    seated[i]!.turn.end()
    await turnOver()
  }
  expect(seated.map((s) => s.user)).toEqual(['ada', 'ada', 'site', 'bob', 'cid', 'ada', 'ada'])
  expect(flows.state()[0]).toEqual({ level: 'people', seated: 0, waiting: 0, streams: 0 })
})

test('a queue has an end, and who waits too long or goes away leaves it', async () => {
  const flows = open(levels({ waitMs: 20 }))
  const seated = [flows.arrive(who('ada')), flows.arrive(who('ada'))]
  for (const t of seated) expect(t.sit()).toBe(undefined)
  const waiting = [1, 2, 3].map(() => flows.arrive(who('ada')))
  const waits = waiting.map((t) => t.sit()!.then(() => 'seated', (e: unknown) => apiStatusOf(e)!.code))
  expect(refusal(() => flows.arrive(who('ada')).sit())).toMatchObject({ code: 429 })
  waiting[0]!.end()
  expect(await Promise.all(waits)).toEqual([400, 429, 429])
  expect(flows.state()[0]).toMatchObject({ seated: 2, waiting: 0 })
  expect(refused).toEqual(['people queue-full', 'people time-out', 'people time-out'])
})

test('streams and bytes are limited for one flow and for all, give their seats back, and end with the request', () => {
  const flows = open(levels())
  const [a, b, c] = ['ada', 'ada', 'ada'].map((u) => flows.arrive(who(u))) as [Turn, Turn, Turn]
  a.sit()
  b.sit()
  a.stream()
  b.stream()
  expect(flows.state()[0]).toMatchObject({ seated: 0, streams: 2 })
  expect(refusal(() => c.stream())).toMatchObject({ code: 429, details: { retryAfterSeconds: 5 } })
  const d = flows.arrive(who('bob'))
  d.stream()
  expect(refusal(() => flows.arrive(who('cid')).stream())).toMatchObject({ code: 429 })
  a.end()
  a.end()
  c.stream()
  c.hold(100)
  expect(refusal(() => b.hold(1))).toMatchObject({ code: 429 })
  expect(refusal(() => d.hold(51))).toMatchObject({ code: 429 })
  c.end()
  d.hold(51)
  expect(flows.state()[0]).toMatchObject({ streams: 2 })
})

let lab: LabServer | undefined
afterEach(async () => {
  await lab?.close()
  lab = undefined
})

test('while one floods, the requests of another all pass, and so do the controllers\' (rule E5)', async () => {
  const metrics = new Registry()
  lab = await startLab({ metrics, flowControl: levels({ seats: 4, queue: 20, rate: 20, burst: 150 }) })
  const call = caller(lab)
  let flooding = true
  const seen = new Map<number, number>()
  let retryAfter: string | null = null
  const flood = Promise.all(Array.from({ length: 60 }, async () => {
    while (flooding) {
      const { code, headers } = await call('GET', '/apis/lab.skerry.test/v1/clusters', undefined, { as: 'user' })
      seen.set(code, (seen.get(code) ?? 0) + 1)
      retryAfter ??= headers.get('retry-after')
    }
  }))
  while (!seen.has(429)) await turnOver()
  const codes: number[] = []
  for (let i = 0; i < 10; i++) codes.push(...(await Promise.all(Array.from({ length: 10 }, (_, n) => call('GET', '/apis/lab.skerry.test/v1/clusters', undefined, { as: n % 2 === 0 ? 'admin' : 'site' })))).map((a) => a.code))
  codes.push((await call('POST', '/api/v1/nodes', { metadata: { name: 'n' } })).code)
  flooding = false
  await flood
  expect(codes.filter((c) => c > 299)).toEqual([])
  expect(seen.get(429)).toBeGreaterThan(0)
  expect(seen.get(200)).toBeGreaterThan(0)
  expect(retryAfter).toBe('1')
  expect(await metrics.metrics()).toMatch(/skerry_api_refused_requests_total\{level="people",reason="(rate|queue-full)"\} \d/)
})

test('health is asked without limits; watches are limited and their places get free', async () => {
  lab = await startLab({ flowControl: levels({ rate: 0.001, burst: 3 }) })
  const watches = [await watching(lab, '/api/v1/nodes?watch=1', { as: 'user' }), await watching(lab, '/api/v1/nodes?watch=1', { as: 'user' })]
  expect(watches.map((w) => w.code)).toEqual([200, 200])
  expect((await watching(lab, '/api/v1/nodes?watch=1', { as: 'user' })).code).toBe(429)
  const call = caller(lab)
  expect((await call('GET', '/api/v1/nodes', undefined, { as: 'user' })).body).toMatchObject({ kind: 'Status', code: 429, reason: 'TooManyRequests' })
  for (let i = 0; i < 5; i++) expect((await call('GET', '/livez', undefined, { as: 'user' })).code).toBe(200)
  for (const w of watches) w.stop()
  const free = async (): Promise<void> => { while (lab!.server.flows.state().some((s) => s.streams + s.seated > 0)) await turnOver() }
  await free()
})

test('who is not known is a flow by address: beyond its rate 429, while others come from there as before', async () => {
  lab = await startLab({ flowControl: levels() })
  const call = caller(lab)
  const codeOf = async (as: string): Promise<number> => (await call('GET', '/api/v1/namespaces', undefined, { headers: { authorization: as } })).code
  expect([await codeOf('none'), await codeOf('none'), await codeOf('none'), await codeOf('Bearer admin')]).toEqual([401, 401, 429, 200])
})
