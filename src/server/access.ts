/** The subresources that hand out or take in credentials (rule T8): certificates for CSRs, a site's credential. */
import { X509Certificate } from 'node:crypto'
import { Cluster, Site, Project } from '../api/index.ts'
import { accessRequest, credentialRequest, type AccessAnswer } from '../api/access/index.ts'
import type { FieldError, Resource } from '../api/meta/index.ts'
import { conflict, invalid, type Subresource } from '../apiserver/index.ts'
import type { SecretsBundle } from '../drivers/talos/talos.ts'
import type { z } from 'zod'
import { endpointName } from '../rules/names.ts'
import type { Secrets } from './ports/secrets.ts'

export interface Signer {
  /** Throws on a CSR that is none. Answers PEM. */
  kubeconfig(bundle: SecretsBundle, csr: string, user: string, seconds: number): Promise<{ readonly certificate: string; readonly expiresAt: string }>
  talosconfig(bundle: SecretsBundle, csr: string, role: 'os:reader' | 'os:operator', seconds: number): Promise<{ readonly certificate: string; readonly expiresAt: string }>
}

const parse = <T>(schema: z.ZodType<T>, body: unknown, kind: { readonly group: string; readonly kind: string; readonly plural: string }, name: string): T => {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  throw invalid(kind, name, result.error.issues.map((i): FieldError => ({ field: i.path.join('.') || 'spec', reason: 'FieldValueInvalid', message: i.message })))
}

const bundleOf = async (secrets: Secrets, o: Resource): Promise<SecretsBundle> => {
  const bundle = await secrets.get(o.metadata.uid)
  if (bundle === undefined) throw conflict(Cluster, o.metadata.name, 'the cluster has no keys yet; wait until its network is being made')
  return bundle
}

const answer = (cluster: Cluster, ca: string, signed: { readonly certificate: string; readonly expiresAt: string }, port: number): AccessAnswer => {
  const endpoint = cluster.status?.endpoint
  if (endpoint?.host === undefined) throw conflict(Cluster, cluster.metadata.name, 'the cluster has no address yet')
  const servers = (endpoint.addresses ?? [endpoint.host]).map((a) => (port === 6443 ? `https://${a}:6443` : a))
  return { ...signed, ca, server: servers[0]!, servers, serverName: endpointName(cluster.metadata.uid) }
}

export const accessSubresources = (secrets: Secrets, sign: Signer): Readonly<Record<string, Subresource>> => ({
  'clusters/kubeconfig': async ({ identity, object, body, note }) => {
    const { spec } = parse(accessRequest, body, Cluster, object.metadata.name)
    const bundle = await bundleOf(secrets, object)
    const signed = await sign.kubeconfig(bundle, spec.csr, identity.user, spec.expirationSeconds).catch(() => { throw badCsr(object) })
    note(issued(signed))
    return { apiVersion: 'skerry.dev/v1alpha1', kind: 'KubeconfigRequest', status: answer(object as Cluster, bundle.certs.k8s.crt, signed, 6443) }
  },
  'clusters/talosconfig': async ({ object, body, note }) => {
    const { spec } = parse(accessRequest, body, Cluster, object.metadata.name)
    const bundle = await bundleOf(secrets, object)
    const signed = await sign.talosconfig(bundle, spec.csr, spec.role, spec.expirationSeconds).catch(() => { throw badCsr(object) })
    note(`${issued(signed)}, ${spec.role}`)
    return { apiVersion: 'skerry.dev/v1alpha1', kind: 'TalosconfigRequest', status: answer(object as Cluster, bundle.certs.os.crt, signed, 50000) }
  },
  'sites/credential': async ({ object, body, read, tell }) => {
    const { spec: { project = '', ...credential } } = parse(credentialRequest, body, Site, object.metadata.name)
    if (project !== '' && read.get(Project, { namespace: '', name: project }) === undefined) throw invalid(Site, object.metadata.name, [{ field: 'spec.project', reason: 'FieldValueInvalid', message: `there is no project ${project}` }])
    // Told before it is done: one that nobody knows of is worse than one that is announced and fails.
    await tell(`a credential for ${project === '' ? 'the site' : `project ${project}`} is sealed`)
    await secrets.putCredential(object.metadata.uid, project, credential)
    return { apiVersion: 'skerry.dev/v1alpha1', kind: 'CredentialRequest', status: { sealed: true } }
  },
})
/** For the audit: which certificate, and until when. */
const issued = ({ certificate, expiresAt }: { readonly certificate: string; readonly expiresAt: string }): string => `certificate ${new X509Certificate(certificate).serialNumber} until ${expiresAt}`
const badCsr = (o: Resource) => invalid(Cluster, o.metadata.name, [{ field: 'spec.csr', reason: 'FieldValueInvalid', message: 'is no certificate signing request in PEM' }])
