import { expect, test } from 'vitest'
import type { Pass } from '../engine/shapes.ts'
import { settled } from '../engine/outcome.ts'
import { makeEach, openIntents, sighted } from './outside.ts'
import type { Ports, SiteCloud } from './ports.ts'

const [before, now] = ['2026-01-01T00:00:00Z', '2026-01-01T00:02:00Z']
const [refusal, silence] = [new Error('no more'), new Error('no answer')]
const errors = { isUnclear: (e: unknown) => e === silence }
const made = async (): Promise<void> => {}
const fails = (error: Error) => async (): Promise<void> => { throw error }

/** What is open after these calls, all of them intended now; of an earlier pass there is `existing`. */
const after = async (calls: Readonly<Record<string, () => Promise<void>>>, existing?: Readonly<Record<string, string>>, without: readonly string[] = []) => {
  const error = await makeEach(Object.entries(calls), without).then(() => undefined, (e: unknown) => e)
  const intents = { ...existing, ...Object.fromEntries([...Object.keys(calls), ...without].map((role) => [role, now])) }
  const pass: Pass = { outcome: settled(), recorded: { intents }, now: new Date(now), ...(error !== undefined && { error: { step: 'create', error } }) }
  return openIntents(existing, pass, new Set(['seen']), { errors } as Ports)
}

test('E3 only the refused intent ends: what was made is open until it is seen, what was not answered until it is looked for', async () => {
  expect(await after({ made, refused: fails(refusal), silent: fails(silence), seen: made })).toEqual({ made: now, silent: now })
})
test('E3 what was not begun because another was refused is not looked for', async () => { expect(await after({ port: fails(refusal) }, undefined, ['volume'])).toBeUndefined() })
test('E3 a refusal says nothing of what was begun in an earlier pass', async () => {
  expect(await after({ subnet: fails(refusal) }, { router: before })).toEqual({ router: before })
  expect(await after({ router: fails(refusal) }, { router: before })).toEqual({ router: before })
})
test('E3 what failed beside others is said as it was', async () => {
  await expect(makeEach([['a', made], ['b', fails(refusal)]])).rejects.toMatchObject({ message: 'no more', cause: refusal })
})

/** A project without volumes in which Cinder counts one: blind, or a count that has drifted. */
const drifted = { projectId: 'p', cloud: {
  network: { securityGroups: { list: async () => ({ items: [{ id: 'g', name: 'default', projectId: 'p' }], begunAt: 0 }) } },
  compute: {}, volume: { volumes: { list: async () => ({ items: [], begunAt: 0 }), get: async () => undefined }, quota: async () => ({ volumes: { used: 1 } }) },
} } as unknown as SiteCloud
const lookFor = (options: { readonly isLetGo?: boolean }) => sighted({ cached: { list: () => [] }, lastEffectAt: -Infinity, isRoutine: false } as never, drifted, drifted.cloud.volume.volumes as never, { uid: 'm', site: 's', role: 'root' }, 'v1', options)

test('E2 a volume that Cinder counts and does not show is not concluded to be gone, but when Cinder has just accepted its deletion', async () => {
  await expect(lookFor({})).rejects.toMatchObject({ reason: 'CloudViewIncomplete' })
  expect(await lookFor({ isLetGo: true })).toEqual({ kind: 'absent' })
})
