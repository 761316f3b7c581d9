/** POST …/clusters/NAME/secrets: a cluster's bundle, encrypted with age to keys that the caller names; never in the clear (rule T7). */
import { armor, Encrypter } from 'age-encryption'
import { z } from 'zod'
import { Cluster } from '../api/index.ts'
import { conflict, forbidden, invalid, type Subresource } from '../apiserver/index.ts'
import { bundleToYaml } from '../drivers/talos/pki/bundle-yaml.ts'
import type { Secrets } from './ports/secrets.ts'

const request = z.object({ spec: z.object({ recipients: z.array(z.string().regex(/^age1[a-z0-9]{1,2000}$/)).min(1).max(16) }) })

/** For administrators: who has the bundle is every node and every user of the cluster. */
export const secretsSubresource = (secrets: Pick<Secrets, 'get'>): Subresource => async ({ identity, object, body }) => {
  const { name, uid } = object.metadata
  if (identity.writer !== 'admin') throw forbidden(Cluster, name, 'the secrets of a cluster are exported by administrators only')
  const parsed = request.safeParse(body)
  const refused = invalid(Cluster, name, [{ field: 'spec.recipients', reason: 'FieldValueInvalid', message: '1 to 16 public keys of age (age1…)' }])
  if (!parsed.success) throw refused
  const encrypter = new Encrypter()
  try { for (const r of parsed.data.spec.recipients) encrypter.addRecipient(r) } catch { throw refused }
  const bundle = await secrets.get(uid)
  if (bundle === undefined) throw conflict(Cluster, name, 'the cluster has no keys yet; wait until its network is being made')
  return { apiVersion: 'skerry.dev/v1alpha1', kind: 'SecretsExport', status: { encrypted: armor.encode(await encrypter.encrypt(bundleToYaml(bundle))) } }
}
