import { expect, test } from 'vitest'
import { flowLevels, parseLevels, readFlowControl } from './flow-levels.ts'

test('a file changes single limits, and nothing that there is not', () => {
  expect(parseLevels('people: {rate: 5, queue: 7}\n')).toEqual({ ...flowLevels, people: { ...flowLevels.people, rate: 5, queue: 7 } })
  expect(parseLevels('')).toEqual(flowLevels)
  expect(() => parseLevels('people: {rat: 5}')).toThrow('rat')
  expect(() => parseLevels('tenants: {}')).toThrow('tenants')
  expect(() => parseLevels('people: {seats: 0}')).toThrow('people.seats')
})

test('controllers, administrators, people and strangers have seats of their own', async () => {
  const { levelOf, levels } = await readFlowControl(undefined)
  const of = (writer: 'site' | 'hub' | 'admin' | 'user') => levelOf({ user: 'x', groups: [], writer })
  expect([of('site'), of('hub'), of('admin'), of('user'), levelOf({ address: '192.0.2.1' })]).toEqual(['controllers', 'controllers', 'administrators', 'people', 'strangers'])
  expect(levels).toBe(flowLevels)
  await expect(readFlowControl('/nowhere')).rejects.toThrow('reading the limits in /nowhere')
})
