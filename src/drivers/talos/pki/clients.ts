/**
 * Certificates that let somebody in (rule T8), each for hours: people's from their own signing request, ours in memory. All start
 * five minutes in the past, for clocks that differ.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { stringify } from 'yaml'
import type { KeyPair, SecretsBundle } from '../talos.ts'
import { issue, readRequest, type Usage } from './certificate.ts'
import { talosKeyPem } from './pem.ts'

export type TalosRole = 'os:admin' | 'os:operator' | 'os:reader'

const hour = 3_600_000
const backdated = (now: Date): Date => new Date(now.getTime() - 300_000)
const after = (now: Date, ms: number): Date => new Date(now.getTime() + ms)
const limits: Record<TalosRole, number> = { 'os:reader': 8 * hour, 'os:operator': 8 * hour, 'os:admin': hour }
const kubernetesLimit = 24 * hour
const ownLifetime = hour

const demandLifetime = (ttlMs: number, limit: number): void => {
  if (!(ttlMs > 0) || ttlMs > limit) throw new Error(`a certificate for this access is valid for at most ${limit / hour} h`)
}

/** A person's client certificate for the cluster's Kubernetes. Groups of Kubernetes itself, `system:masters` before all, are refused. */
export const signKubernetesClient = (secrets: SecretsBundle, request: { readonly csr: string; readonly user: string; readonly groups: readonly string[]; readonly ttlMs: number; readonly now: Date }): string => {
  const { csr, user, groups, ttlMs, now } = request
  demandLifetime(ttlMs, kubernetesLimit)
  if (user === '' || [user, ...groups].some((name) => name.startsWith('system:'))) throw new Error('names that begin with system: belong to Kubernetes')
  return issue(secrets.certs.k8s, {
    subject: [...groups.map((g) => ['O', g] as const), ['CN', user]], publicKey: readRequest(csr), notBefore: backdated(now), notAfter: after(now, ttlMs), keyEncipherment: true, usages: ['clientAuth'],
  })
}

/** A person's client certificate for the Talos API: os:reader and os:operator for up to 8 h, os:admin (break glass) for up to one. */
export const signTalosClient = (secrets: SecretsBundle, request: { readonly csr: string; readonly roles: readonly TalosRole[]; readonly ttlMs: number; readonly now: Date }): string => {
  const { csr, roles, ttlMs, now } = request
  if (roles.length === 0) throw new Error('a Talos certificate needs a role')
  demandLifetime(ttlMs, Math.min(...roles.map((r) => limits[r])))
  // No CN and exactly clientAuth: apid takes a certificate with serverAuth for a server's.
  return issue(secrets.certs.os, { subject: roles.map((r) => ['O', r] as const), publicKey: readRequest(csr), notBefore: backdated(now), notAfter: after(now, ttlMs), usages: ['clientAuth'] })
}

/** A certificate that only this process ever holds; make another one from `renewAt` on. */
export interface OwnCertificate extends KeyPair { readonly renewAt: number }

const ed25519 = (): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } => generateKeyPairSync('ed25519')
const ecdsa = (): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const nodePem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()

/**
 * The site's controllers in the cluster's Kubernetes. Only here is `system:masters` signed: the manifest that binds a group of ours
 * is applied through the very API to which this certificate opens the way, and must be applied again when a tenant deletes it.
 * One hour, in memory, never handed out.
 */
export const newOwnKubernetesClient = (secrets: SecretsBundle, now: Date): OwnCertificate => {
  const { publicKey, privateKey } = ecdsa()
  const crt = issue(secrets.certs.k8s, { subject: [['O', 'system:masters'], ['CN', 'skerry:controllers']], publicKey, notBefore: backdated(now), notAfter: after(now, ownLifetime), keyEncipherment: true, usages: ['clientAuth'] })
  return { crt, key: nodePem(privateKey), renewAt: now.getTime() + ownLifetime * 2 / 3 }
}

/** The site's controllers at the Talos API. */
export const newOwnTalosClient = (secrets: SecretsBundle, role: TalosRole, now: Date): OwnCertificate => {
  const { publicKey, privateKey } = ed25519()
  const crt = issue(secrets.certs.os, { subject: [['O', role]], publicKey, notBefore: backdated(now), notAfter: after(now, ownLifetime), usages: ['clientAuth'] })
  return { crt, key: nodePem(privateKey), renewAt: now.getTime() + ownLifetime * 2 / 3 }
}

/** A server's certificate; its key type follows the authority's, as Talos' own leaves do. */
export const newServingCert = (authority: KeyPair, of: { readonly sans: readonly string[]; readonly now: Date; readonly ttlMs: number; readonly commonName?: string; readonly usages?: readonly Usage[] }): KeyPair => {
  const { publicKey, privateKey } = authority.key.includes('ED25519') ? ed25519() : ecdsa()
  const crt = issue(authority, {
    subject: of.commonName === undefined ? [] : [['CN', of.commonName]], publicKey, notBefore: backdated(of.now), notAfter: after(of.now, of.ttlMs), sans: of.sans,
    keyEncipherment: publicKey.asymmetricKeyType === 'ec', usages: of.usages ?? ['serverAuth'],
  })
  return { crt, key: nodePem(privateKey) }
}

/** A talosconfig for `talosctl`. `key` may be absent: the holder of the signing request puts it in. */
export const talosconfigText = (of: { readonly cluster: string; readonly endpoints: readonly string[]; readonly nodes: readonly string[]; readonly secrets: SecretsBundle; readonly crt: string; readonly key?: string }): string => {
  const encode = (pem: string): string => Buffer.from(pem).toString('base64')
  const key = of.key === undefined ? undefined : createPrivateKey(of.key.replaceAll('ED25519 PRIVATE KEY', 'PRIVATE KEY'))
  return stringify({
    context: of.cluster,
    contexts: { [of.cluster]: { endpoints: of.endpoints, nodes: of.nodes, ca: encode(of.secrets.certs.os.crt), crt: encode(of.crt), ...(key !== undefined && { key: encode(key.asymmetricKeyType === 'ed25519' ? talosKeyPem(key) : nodePem(key)) }) } },
  }, { lineWidth: 0 })
}
