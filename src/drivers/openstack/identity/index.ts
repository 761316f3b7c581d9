/** Keystone: who we are in the cloud. */
import type { Cloud, Identity } from '../cloud.ts'
import { failureOf } from '../errors.ts'
import type { Client } from '../transport/client.ts'
import { object, time } from '../transport/json.ts'

export const openIdentity = (client: Client): Cloud['identity'] => ({
  project: async () => { const s = await client.session(); return { id: s.projectId, name: s.projectName } },
  logInAnew: () => { client.leaveToken() },
  describe: async (): Promise<Identity> => {
    const s = await client.session()
    let expires: string | undefined
    if (s.applicationCredentialId !== undefined) {
      try {
        const answer = await client.find({ service: 'identity', path: `/users/${s.userId}/application_credentials/${s.applicationCredentialId}` })
        expires = time(object(answer?.['application_credential'])['expires_at'])
      } catch (error) {
        // A credential with access rules may not read itself; its end is then not known.
        if (failureOf(error)?.kind !== 'denied') throw error
      }
    }
    return {
      projectId: s.projectId, projectName: s.projectName, userName: s.userName, roles: s.roles, tokenExpiresAt: s.expiresAt, ...(expires !== undefined && { credentialExpiresAt: expires }),
      services: [...new Set(s.catalogue.map((e) => e.type))].sort(),
    }
  },
})
