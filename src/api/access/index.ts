/** Bodies of the subresources that are not objects: kubeconfig and talosconfig by CSR (rule T8), a site's credential (write only). */
import { z } from 'zod'

/** POST …/clusters/NAME/kubeconfig and …/talosconfig */
export const accessRequest = z.object({
  apiVersion: z.literal('skerry.dev/v1alpha1').optional(),
  kind: z.enum(['KubeconfigRequest', 'TalosconfigRequest']).optional(),
  spec: z.object({
    /** PEM, PKCS #10; its subject is ignored. */
    csr: z.string().min(1).max(16_384),
    /** Seconds; default 8 h. */
    expirationSeconds: z.int().min(300).max(8 * 3600).default(8 * 3600),
    /** Of a talosconfig. */
    role: z.enum(['os:reader', 'os:operator']).default('os:reader'),
  }),
})
export type AccessRequest = z.infer<typeof accessRequest>
export interface AccessAnswer {
  /** PEM, leaf first. */
  readonly certificate: string
  readonly ca: string
  readonly server: string
  readonly servers: readonly string[]
  readonly serverName: string
  readonly expiresAt: string
}

/** POST …/clientcertificates/NAME/certificate */
export const certificateRequest = z.object({
  apiVersion: z.literal('skerry.dev/v1alpha1').optional(),
  kind: z.literal('CertificateRequest').optional(),
  spec: z.object({
    /** PEM, PKCS #10; its subject is ignored. */
    csr: z.string().min(1).max(16_384),
    /** Seconds; as long as may be when absent. */
    expirationSeconds: z.int().min(300).max(90 * 86_400).optional(),
  }),
})
export interface CertificateAnswer {
  /** PEM. */
  readonly certificate: string
  readonly ca: string
  readonly expiresAt: string
}

/** POST …/sites/NAME/credential. Sealed at once; never readable. */
export const credentialRequest = z.object({
  apiVersion: z.literal('skerry.dev/v1alpha1').optional(),
  kind: z.literal('CredentialRequest').optional(),
  spec: z.object({
    /** The Skerry project it is for; absent: every project without one of its own. */
    project: z.string().optional(),
    applicationCredential: z.object({ id: z.string().min(1), secret: z.string().min(1) }).optional(),
    password: z.object({
      username: z.string().min(1), userDomainName: z.string().default('Default'), password: z.string().min(1),
      projectName: z.string().optional(), projectId: z.string().optional(), projectDomainName: z.string().default('Default'),
    }).optional(),
  }).refine((s) => (s.applicationCredential === undefined) !== (s.password === undefined), 'exactly one of applicationCredential and password'),
})
export type CredentialRequest = z.infer<typeof credentialRequest>
