/** Makes a cluster's keys and signs with them: people's requests, and our own certificates for an hour. */
import { X509Certificate } from 'node:crypto'
import { newSecretsBundle } from '../drivers/talos/pki/bundle.ts'
import { newOwnKubernetesClient, signKubernetesClient, signTalosClient } from '../drivers/talos/pki/clients.ts'
import type { SecretsBundle } from '../drivers/talos/talos.ts'
import type { Signer } from './access.ts'
import type { SignOwn } from './ports/tenants.ts'
import type { Secrets } from './ports/secrets.ts'

/** What kubeconfigs carry; the manifest that binds it is an add-on of every cluster (`controllers/add-ons`). */
const clusterAdministrators = 'skerry:cluster-admins'

/** EC keys for service accounts: RSA-4096 costs a second of CPU each, and ES256 tokens are as good. */
export const newBundle = (): Promise<SecretsBundle> => newSecretsBundle({ now: new Date(), serviceAccountKey: 'ecdsa' })

const signed = (certificate: string) => ({ certificate, expiresAt: new Date(new X509Certificate(certificate).validTo).toISOString() })

export const signer: Signer = {
  kubeconfig: async (bundle, csr, user, seconds) => signed(signKubernetesClient(bundle, { csr, user: `skerry:${user}`, groups: [clusterAdministrators], ttlMs: seconds * 1000, now: new Date() })),
  talosconfig: async (bundle, csr, role, seconds) => signed(signTalosClient(bundle, { csr, roles: [role], ttlMs: seconds * 1000, now: new Date() })),
}

export const signOwn = (secrets: Pick<Secrets, 'get'>): SignOwn => async (clusterUid) => {
  const bundle = await secrets.get(clusterUid)
  if (bundle === undefined) throw new Error(`there are no keys of cluster ${clusterUid}`)
  return newOwnKubernetesClient(bundle, new Date())
}
