/** ClientCertificate: somebody who may ask for client certificates of the platform, for as long as this object stands (rule A4). Holds no key. */
import { z } from 'zod'
import { isReservedName } from '../access-grant/index.ts'
import { defineKind, type FieldError, type Resource } from '../meta/index.ts'

export interface ClientCertificateSpec { readonly user: string; readonly groups: readonly string[]; readonly purpose: 'Person' | 'Site'; readonly renewableDays: number }
export interface ClientCertificateStatus { readonly last?: { readonly serial: string; readonly issuedAt: string; readonly expiresAt: string } }
export type ClientCertificate = Resource<ClientCertificateSpec, ClientCertificateStatus>

const day = 86_400_000
/** Longest life of one certificate, in milliseconds (rule A4). */
export const longestLife: Readonly<Record<ClientCertificateSpec['purpose'], number>> = { Person: day, Site: 90 * day }
/** After this moment, in milliseconds, nothing is signed for it any more, and nothing that was signed is valid. */
export const endOf = (c: Pick<ClientCertificate, 'metadata' | 'spec'>): number => Date.parse(c.metadata.creationTimestamp) + c.spec.renewableDays * day

/** How a certificate names the object that it was signed for: a URI among its alternative names. */
export const uriOf = (c: { readonly name: string; readonly uid: string }): string => `urn:skerry:certificate:${c.name}:${c.uid}`
/** From `subjectAltName` as Node writes it. */
export const certifiedBy = (subjectAltName: string | undefined): { readonly name: string; readonly uid: string } | undefined => {
  const m = /^URI:urn:skerry:certificate:([a-z0-9.-]+):([0-9a-f-]{36})$/.exec(subjectAltName ?? '')
  return m === null ? undefined : { name: m[1]!, uid: m[2]! }
}

// As X.509 limits common names and organizations.
const name = z.string().min(1).max(64).regex(/^[!-~]+$/)

const validate = (c: ClientCertificate, old?: ClientCertificate): readonly FieldError[] => {
  const { user, groups, purpose } = c.spec
  const forbidden = (field: string, message: string): FieldError => ({ field, reason: 'FieldValueForbidden', message })
  if (old !== undefined) return JSON.stringify(old.spec) === JSON.stringify(c.spec) ? [] : [forbidden('spec', 'does not change; make another one and delete this')]
  return [
    ...(purpose === 'Site' ? (user.startsWith('skerry:site') ? [] : [forbidden('spec.user', `${user}: a site's name begins with skerry:site`)]) : isReservedName(user) ? [forbidden('spec.user', `${user} is one of the platform's own names`)] : []),
    ...groups.flatMap((g, i) => (isReservedName(g) ? [forbidden(`spec.groups[${i}]`, `${g} is one of the platform's own names`)] : [])),
  ]
}

export const ClientCertificate = defineKind<ClientCertificate>({
  group: 'skerry.dev', version: 'v1alpha1', kind: 'ClientCertificate', plural: 'clientcertificates', singular: 'clientcertificate', shortNames: ['cert'], categories: ['skerry'],
  namespaced: false, home: 'hub', writers: { spec: 'user', status: 'hub' },
  description: 'Somebody who may ask for client certificates, each for at most a day. Once it is deleted none of them is accepted any more.',
  spec: z.object({
    user: name.meta({ description: 'Who it is; AccessGrants name them so.' }),
    groups: z.array(name).max(50).default([]).meta({ description: 'Groups that they are in.' }),
    purpose: z.enum(['Person', 'Site']).default('Person').meta({ description: 'A person\'s certificates are valid for a day at most, a site\'s for 90.' }),
    renewableDays: z.int().min(1).max(366).default(90).meta({ description: 'For how long they may renew by themselves, from when this was made.' }),
  }),
  status: z.object({
    last: z.object({ serial: z.string(), issuedAt: z.string(), expiresAt: z.string() }).optional().meta({ description: 'The certificate that was signed last.' }),
  }),
  columns: [
    { name: 'User', type: 'string', jsonPath: '.spec.user' },
    { name: 'Purpose', type: 'string', jsonPath: '.spec.purpose' },
    { name: 'Expires', type: 'string', jsonPath: '.status.last.expiresAt', description: 'Of the certificate that was signed last.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  validate,
})
