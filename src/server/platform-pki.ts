/** The platform's own certificates: an authority, the API's serving certificate, and what it signs for clients (rule A4). */
import 'reflect-metadata'
import { createPublicKey, randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { uriOf } from '../api/client-certificate/index.ts'
import { readOrMake, layout, writePrivate } from './files.ts'

x509.cryptoProvider.set(webcrypto as never)
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const day = 86_400_000
/** For clocks that differ. */
const backdatedMs = 300_000

export interface Pair { readonly crt: string; readonly key: string }
const pem = (label: string, der: ArrayBuffer): string => `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END ${label}-----\n`
type Keys = Awaited<ReturnType<typeof webcrypto.subtle.generateKey>> & { readonly privateKey: webcrypto.CryptoKey; readonly publicKey: webcrypto.CryptoKey }
const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<Keys>
const keyText = async (key: webcrypto.CryptoKey): Promise<string> => pem('PRIVATE KEY', (await webcrypto.subtle.exportKey('pkcs8', key)) as ArrayBuffer)
const text = (cert: x509.X509Certificate): string => `${cert.toString('pem')}\n`
const serialNumber = (): string => `01${randomBytes(15).toString('hex')}`

const newAuthority = async (now: Date): Promise<Pair> => {
  const keys = await newKeys()
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=skerry-platform', serialNumber: serialNumber(), notBefore: new Date(now.getTime() - backdatedMs), notAfter: new Date(now.getTime() + 3650 * day), signingAlgorithm: algorithm, keys: keys as never,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true), new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true)],
  })
  return { crt: text(cert), key: await keyText(keys.privateKey) }
}

const importKey = (key: string) => webcrypto.subtle.importKey('pkcs8', Buffer.from(key.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64'), algorithm, true, ['sign'])

interface Leaf { readonly subject: x509.JsonName; readonly publicKey: unknown; readonly usage: string; readonly names: readonly x509.JsonGeneralName[]; readonly notAfter: Date }
const issue = async (authority: Pair, leaf: Leaf, now: Date): Promise<x509.X509Certificate> => x509.X509CertificateGenerator.create({
  subject: leaf.subject, issuer: new x509.X509Certificate(authority.crt).subject, serialNumber: serialNumber(), notBefore: new Date(now.getTime() - backdatedMs), notAfter: leaf.notAfter,
  publicKey: leaf.publicKey as never, signingKey: (await importKey(authority.key)) as never, signingAlgorithm: algorithm,
  extensions: [
    new x509.BasicConstraintsExtension(false, undefined, true), new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([leaf.usage]), new x509.SubjectAlternativeNameExtension([...leaf.names]),
  ],
})

const newServing = async (authority: Pair, hosts: readonly string[], now: Date): Promise<Pair> => {
  const keys = await newKeys()
  const names = hosts.map((value): x509.JsonGeneralName => ({ type: isIP(value) > 0 ? 'ip' : 'dns', value }))
  const cert = await issue(authority, { subject: [{ CN: ['skerry'] }], publicKey: keys.publicKey, usage: '1.3.6.1.5.5.7.3.1', names, notAfter: new Date(now.getTime() + 365 * day) }, now)
  return { crt: text(cert), key: await keyText(keys.privateKey) }
}

/** Whom a client certificate names, and the ClientCertificate object that it is signed for. */
export interface Holder { readonly user: string; readonly groups: readonly string[]; readonly object: { readonly name: string; readonly uid: string } }
export interface Signed { readonly crt: string; readonly serial: string; readonly expiresAt: string }

const signClient = async (authority: Pair, holder: Holder, publicKey: unknown, notAfter: Date, now: Date): Promise<Signed> => {
  const cert = await issue(authority, {
    subject: [{ CN: [holder.user] }, ...holder.groups.map((g) => ({ O: [g] }))], publicKey, usage: '1.3.6.1.5.5.7.3.2', names: [{ type: 'url', value: uriOf(holder.object) }], notAfter,
  }, now)
  return { crt: text(cert), serial: cert.serialNumber, expiresAt: cert.notAfter.toISOString() }
}

const leastRsaBits = 2048
/** undefined: it is no request, its signature is not by the key that it brings, or that key is too short. The request's subject does not count. */
export const signRequest = async (authority: Pair, holder: Holder, csr: string, notAfter: Date, now: Date): Promise<Signed | undefined> => {
  let request: x509.Pkcs10CertificateRequest
  try {
    request = new x509.Pkcs10CertificateRequest(csr)
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey(request.publicKey.toString('pem'))
    if (asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) < leastRsaBits) return undefined
    if (!(await request.verify())) return undefined
  } catch { return undefined }
  return signClient(authority, holder, request.publicKey, notAfter, now)
}

/** With a key of its own, for a kubeconfig of this machine. */
export const newClient = async (authority: Pair, holder: Holder, notAfter: Date, now: Date): Promise<Pair> => {
  const keys = await newKeys()
  const { crt } = await signClient(authority, holder, keys.publicKey, notAfter, now)
  return { crt, key: await keyText(keys.privateKey) }
}

export interface PlatformPki { readonly authority: Pair; readonly serving: Pair }

/** Reads what is under `state`, makes what is missing, and makes the serving certificate anew when it ends within a week. */
export const platformPki = async (state: string, host: string, now: Date): Promise<PlatformPki> => {
  const path = (name: string): string => join(layout(state).pki, `${name}.json`)
  const keep = async (name: string, make: () => Promise<Pair>): Promise<Pair> => JSON.parse((await readOrMake(path(name), async () => JSON.stringify(await make()))).toString()) as Pair
  const authority = await keep('authority', () => newAuthority(now))
  const newOne = () => newServing(authority, [...new Set(['localhost', '127.0.0.1', host, 'skerry'])].filter((h) => h !== '0.0.0.0'), now)
  const serving = await keep('serving', newOne)
  if (new x509.X509Certificate(serving.crt).notAfter.getTime() - now.getTime() > 7 * day) return { authority, serving }
  const fresh = await newOne()
  await writePrivate(path('serving'), JSON.stringify(fresh))
  return { authority, serving: fresh }
}

/** A kubeconfig with embedded credentials. */
export const kubeconfigText = (server: string, ca: string, user: Pair, name: string): string => {
  const b64 = (s: string) => Buffer.from(s).toString('base64')
  return `${JSON.stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': name,
    clusters: [{ name, cluster: { server, 'certificate-authority-data': b64(ca) } }],
    users: [{ name, user: { 'client-certificate-data': b64(user.crt), 'client-key-data': b64(user.key) } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  }, null, 2)}\n`
}
