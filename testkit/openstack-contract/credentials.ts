/** Who we are, and what a refused log-in does (rule O4); the name of an application credential (rule O2). */
import { expect, test } from 'vitest'
import { isCredentialRejected, isUnclear, openRejections } from '../../src/drivers/openstack/index.ts'
import type { Bed } from './bed.ts'

export const credentialRows = (bed: Bed): void => {
  test('the credential says its project, user, roles and the services of the cloud', async () => {
    const who = await bed.subject.cloud.identity.describe()
    expect(who).toMatchObject({ projectId: expect.stringMatching(/^[0-9a-f-]{32,36}$/), projectName: expect.any(String), userName: expect.any(String) })
    expect(who.roles).toContain('member')
    expect(who.services).toEqual(expect.arrayContaining(['compute', 'identity', 'image', 'network']))
    expect(Date.parse(who.tokenExpiresAt)).toBeGreaterThan(Date.now())
  })

  test('O3 Nova speaks 2.79, the microversion of all calls', async () => {
    const { min, max } = await bed.subject.cloud.compute.microversions()
    expect(min).toMatch(/^2\.\d+$/)
    expect(Number(max.split('.')[1])).toBeGreaterThanOrEqual(79)
  })

  test('O4 a refused log-in is CredentialRejected, and opening the cloud again does not log in again', async () => {
    const rejections = openRejections()
    const first = await bed.subject.refused({ rejections }).catch((e: unknown) => e)
    expect(isCredentialRejected(first)).toBe(true)
    expect(isUnclear(first)).toBe(false)
    expect((first as Error).message).not.toContain('wrong-password')
    // The second one is answered from memory: nothing listens at this address.
    const second = await bed.subject.refused({ rejections, dispatcher: { dispatch() { throw new Error('a call was made') } } as never }).catch((e: unknown) => e)
    expect(isCredentialRejected(second)).toBe(true)
  })

  test('O2 application credential: its name refuses a second one', async () => {
    const { subject, marks } = bed
    const path = `/users/${subject.userId}/application_credentials`
    const body = { application_credential: { name: `skerry-${marks.uid}`, roles: [{ name: 'member' }] } }
    const first = await subject.raw('identity', 'POST', path, body)
    expect(first.status).toBe(201)
    try {
      expect((await subject.raw('identity', 'POST', path, body)).status).toBe(409)
    } finally {
      const { id } = first.body['application_credential'] as { id: string }
      expect((await subject.raw('identity', 'DELETE', `${path}/${id}`)).status).toBe(204)
    }
  })
}
