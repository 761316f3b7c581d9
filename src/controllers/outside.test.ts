import { expect, test } from 'vitest'
import { openstackError } from '../drivers/openstack/errors.ts'
import type { Pass } from '../engine/shapes.ts'
import { settled } from '../engine/outcome.ts'
import { driverErrors } from '../server/ports/errors.ts'
import { makeEach, openIntents } from './outside.ts'
import type { Ports } from './ports.ts'

const [before, now] = ['2026-01-01T00:00:00Z', '2026-01-01T00:02:00Z']
const refusal = openstackError({ kind: 'quota', service: 'network', status: 409, type: 'OverQuota' }, 'no more')
const silence = openstackError({ kind: 'transient', service: 'network', status: 0, type: '', unclear: true }, 'no answer')
const made = async (): Promise<void> => {}
const fails = (error: Error) => async (): Promise<void> => { throw error }

/** What is open after these calls, all of them intended now; of an earlier pass there is `existing`. */
const after = async (calls: Readonly<Record<string, () => Promise<void>>>, existing?: Readonly<Record<string, string>>, without: readonly string[] = []) => {
  const error = await makeEach(Object.entries(calls), without).then(() => undefined, (e: unknown) => e)
  const intents = { ...existing, ...Object.fromEntries([...Object.keys(calls), ...without].map((role) => [role, now])) }
  const pass: Pass = { outcome: settled(), recorded: { intents }, now: new Date(now), ...(error !== undefined && { error: { step: 'create', error } }) }
  return openIntents(existing, pass, new Set(['seen']), { errors: driverErrors } as Ports)
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
  await expect(makeEach([['a', made], ['b', fails(refusal)]])).rejects.toThrow('no more')
  await expect(makeEach([['b', fails(refusal)]])).rejects.toSatisfy(driverErrors.isQuota)
})
