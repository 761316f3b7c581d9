/** Every subresource of ours, in one place: what the API serves, and what the authorisation matrix is drawn from. */
import type { Subresource } from '../apiserver/index.ts'
import { accessSubresources, type Signer } from './access.ts'
import { certificateSubresource } from './client-certificates.ts'
import { abandonSubresource } from './cluster-abandon.ts'
import { secretsSubresource } from './cluster-secrets.ts'
import { machineSubresources } from './machine-access.ts'
import type { Pair } from './platform-pki.ts'
import type { Secrets } from './ports/secrets.ts'

export const subresources = (secrets: Secrets, sign: Signer, authority: Pair, ports: Parameters<typeof machineSubresources>[1]): Readonly<Record<string, Subresource>> => ({
  ...accessSubresources(secrets, sign), 'clusters/secrets': secretsSubresource(secrets), 'clusters/abandon': abandonSubresource, 'clientcertificates/certificate': certificateSubresource(authority), ...machineSubresources(secrets, ports),
})
