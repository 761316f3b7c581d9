import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { seal, unseal } from './sealing.ts'

const key = randomBytes(32)
test('T7 a sealed bundle opens with its key and id only, and not when a byte changed', () => {
  const sealed = seal(key, 'bundle/a', Buffer.from('secret'))
  expect(unseal(key, 'bundle/a', sealed).toString()).toBe('secret')
  expect(sealed.includes('secret')).toBe(false)
  expect(() => unseal(key, 'bundle/b', sealed)).toThrow()
  expect(() => unseal(randomBytes(32), 'bundle/a', sealed)).toThrow()
  const changed = Buffer.from(sealed)
  changed[changed.length - 1]! ^= 1
  expect(() => unseal(key, 'bundle/a', changed)).toThrow()
})
