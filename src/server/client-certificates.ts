/** Which client certificates count, and POST …/clientcertificates/NAME/certificate, by which one is signed: for an administrator, or for its holder who renews it (rule A4). */
import { X509Certificate } from 'node:crypto'
import { ClientCertificate } from '../api/index.ts'
import { certificateRequest, type CertificateAnswer } from '../api/access/index.ts'
import { certifiedBy, endOf, longestLife } from '../api/client-certificate/index.ts'
import { resourceName } from '../api/meta/index.ts'
import { credentialIdOf, forbidden, invalid, type Certificate, type Identity, type Subresource } from '../apiserver/index.ts'
import type { CacheView } from '../store/scoped-cache.ts'
import { sites } from '../rules/roles.ts'
import { signRequest, type Pair } from './platform-pki.ts'

/** A certificate counts while the object stands that it was signed for. What is missing is believed only of a cache that is known to be current. */
export const certificateStands = (cache: CacheView) => async (certificate: Certificate): Promise<boolean> => {
  const by = certifiedBy(certificate.subjectAltName)
  if (by === undefined) return false
  const isThere = (): boolean => cache.get({ resource: resourceName(ClientCertificate), namespace: '', name: by.name })?.uid === by.uid
  if (isThere()) return true
  await cache.fresh()
  return isThere()
}

/** The name of the object that stands behind the identity's certificate. */
export const ownCertificate = (identity: Pick<Identity, 'certificate'>): string | undefined => certifiedBy(identity.certificate?.subjectAltName)?.name

const leastMs = 60_000

export const certificateSubresource = (authority: Pair): Subresource => async ({ object, body, now, identity, decide }) => {
  const { name, uid } = object.metadata
  const { spec } = object as ClientCertificate
  const parsed = certificateRequest.safeParse(body)
  if (!parsed.success) throw invalid(ClientCertificate, name, parsed.error.issues.map((i) => ({ field: i.path.join('.') || 'spec', reason: 'FieldValueInvalid', message: i.message })))
  const { csr, expirationSeconds } = parsed.data.spec
  const longest = longestLife[spec.purpose]
  if ((expirationSeconds ?? 0) * 1000 > longest) throw invalid(ClientCertificate, name, [{ field: 'spec.expirationSeconds', reason: 'FieldValueInvalid', message: `${expirationSeconds}: at most ${longest / 1000} for a certificate of a ${spec.purpose.toLowerCase()}` }])
  const end = Math.min(now.getTime() + (expirationSeconds === undefined ? longest : expirationSeconds * 1000), endOf(object as ClientCertificate))
  if (end - now.getTime() < leastMs) throw forbidden(ClientCertificate, name, `nothing is signed for it since ${new Date(end).toISOString().slice(0, 10)}; an administrator makes another one`)
  const holder = { user: spec.user, groups: [...spec.groups, ...(spec.purpose === 'Site' ? [sites] : [])], object: { name, uid } }
  const signed = await signRequest(authority, holder, csr, new Date(end), now)
  if (signed === undefined) throw invalid(ClientCertificate, name, [{ field: 'spec.csr', reason: 'FieldValueInvalid', message: 'is no certificate signing request in PEM that its own key signed, or its RSA key is shorter than 2048 bits' }])
  const { crt: certificate, serial, expiresAt } = signed
  await decide({
    change: (live) => ({ ...live, status: { ...(live as ClientCertificate).status, last: { serial, issuedAt: now.toISOString(), expiresAt } } }),
    events: [], note: `certificate ${serial} (${credentialIdOf(new X509Certificate(certificate).fingerprint256)}) for ${spec.user} until ${expiresAt}, asked for by ${identity.user}`,
  })
  return { apiVersion: 'skerry.dev/v1alpha1', kind: 'CertificateRequest', status: { certificate, ca: authority.crt, expiresAt } satisfies CertificateAnswer }
}
