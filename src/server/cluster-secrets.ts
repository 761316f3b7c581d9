/**
 * POST …/clusters/NAME/secrets (rule T7). SecretsExportRequest: a cluster's bundle, encrypted with age to keys that the caller names.
 * SecretsImportRequest: such a bundle back, for a cluster whose own is lost; another one that stands is never overwritten.
 */
import { armor, Encrypter } from 'age-encryption'
import { z } from 'zod'
import { Cluster } from '../api/index.ts'
import { conflict, forbidden, invalid, type Decision, type Subresource, type SubresourceRequest } from '../apiserver/index.ts'
import { bundleFromYaml, bundleToYaml } from '../drivers/talos/pki/bundle-yaml.ts'
import { fingerprint } from '../drivers/talos/pki/certificate.ts'
import type { SecretsBundle } from '../drivers/talos/talos.ts'
import type { Secrets } from './ports/secrets.ts'

const exportSpec = z.object({ recipients: z.array(z.string().regex(/^age1[a-z0-9]{1,2000}$/)).min(1).max(16) })
const importRequest = z.object({ kind: z.literal('SecretsImportRequest'), spec: z.object({ bundle: z.string().min(1).max(262_144) }) })
const importKind = z.object({ kind: importRequest.shape.kind })

const authorityOf = (bundle: SecretsBundle): string => `SHA-256 ${fingerprint(bundle.certs.k8s.crt).slice(0, 16)}`
const because = (field: string, message: string) => [{ field, reason: 'FieldValueInvalid' as const, message }]

/** Whose bundle it is, as a comment: `talosctl` takes the file as it is. */
const head = ({ namespace = '', name, uid }: Cluster['metadata']): string => `# Skerry cluster ${namespace}/${name}\n# uid: ${uid}\n`
const uidIn = (text: string): string | undefined => /^# uid: (\S+)$/m.exec(text)?.[1]

const noting = (fields: object, reason: string, message: string): Decision => ({
  change: (live) => { const c = live as Cluster; return { ...c, status: { ...c.status, secrets: { ...c.status?.secrets, ...fields } } } },
  events: [{ type: 'Normal', reason, message }], note: `${reason}: ${message}`,
})
const timeOf = (now: Date): string => `${now.toISOString().slice(0, 19)}Z`

type Kept = Pick<Secrets, 'get' | 'keep'>

const exportBundle = async (secrets: Kept, { identity, object, body, now, decide }: SubresourceRequest): Promise<unknown> => {
  const { name, uid } = object.metadata
  const refused = invalid(Cluster, name, because('spec.recipients', '1 to 16 public keys of age (age1…)'))
  const parsed = exportSpec.safeParse((body as { readonly spec?: unknown }).spec)
  if (!parsed.success) throw refused
  const { recipients } = parsed.data
  const encrypter = new Encrypter()
  try { for (const r of recipients) encrypter.addRecipient(r) } catch { throw refused }
  const bundle = await secrets.get(uid)
  if (bundle === undefined) throw conflict(Cluster, name, 'the cluster has no keys: either they are not made yet, or they are lost and an export is to be imported')
  const encrypted = armor.encode(await encrypter.encrypt(`${head(object.metadata)}${bundleToYaml(bundle)}`))
  await decide(noting({ exportedAt: timeOf(now), authority: authorityOf(bundle) }, 'SecretsExported', `${identity.user} exported the cluster's keys, encrypted to ${recipients.join(', ')}`))
  return { apiVersion: 'skerry.dev/v1alpha1', kind: 'SecretsExport', status: { encrypted } }
}

const importBundle = async (secrets: Kept, { identity, object, body, now, decide }: SubresourceRequest): Promise<unknown> => {
  const { name, uid } = object.metadata
  const refuse = (message: string) => invalid(Cluster, name, because('spec.bundle', message))
  const parsed = importRequest.safeParse(body)
  if (!parsed.success) throw refuse('the text of an export, decrypted')
  const text = parsed.data.spec.bundle
  const of = uidIn(text)
  if (of !== uid) throw refuse(of === undefined ? 'does not say which cluster it is of; skerry cluster secrets export writes that' : `is of the cluster with uid ${of}; this one's is ${uid}`)
  let bundle: SecretsBundle
  try { bundle = bundleFromYaml(text) } catch (error) { throw refuse((error as Error).message) }
  const authority = authorityOf(bundle)
  const exported = (object as Cluster).status?.secrets?.authority
  if (exported !== undefined && exported !== authority) throw refuse(`its Kubernetes CA is ${authority}; the one that was exported last is ${exported}`)
  const another = (standing: SecretsBundle) => conflict(Cluster, name, `the cluster has keys already, with the Kubernetes CA ${authorityOf(standing)}; those given have ${authority}. Keys that stand are never overwritten: the nodes know them`)
  const isSame = (b: SecretsBundle): boolean => bundleToYaml(b) === bundleToYaml(bundle)
  const standing = await secrets.get(uid)
  if (standing !== undefined && !isSame(standing)) throw another(standing)
  // Told before it is done: an import that nobody knows of is worse than one that is announced and failed.
  await decide(noting({ importedAt: timeOf(now), authority }, 'SecretsImported', `${identity.user} imported the cluster's keys, with the Kubernetes CA ${authority}`))
  const kept = await secrets.keep(uid, bundle)
  if (!isSame(kept)) throw another(kept)
  return { apiVersion: 'skerry.dev/v1alpha1', kind: 'SecretsImport', status: { authority, wasThere: standing !== undefined } }
}

/** For administrators: who has the bundle is every node and every user of the cluster. */
export const secretsSubresource = (secrets: Kept): Subresource => async (request) => {
  if (request.identity.writer !== 'admin') throw forbidden(Cluster, request.object.metadata.name, 'the secrets of a cluster are exported and imported by administrators only')
  return importKind.safeParse(request.body).success ? importBundle(secrets, request) : exportBundle(secrets, request)
}
