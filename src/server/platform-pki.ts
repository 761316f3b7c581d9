/** The platform's own certificates: an authority, the API's serving certificate, a bootstrap administrator, the site's identity. */
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { bootstrapUser } from './bootstrap.ts'
import { readOrMake, layout, writePrivate } from './files.ts'

x509.cryptoProvider.set(webcrypto as never)
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const day = 86_400_000

interface Pair { readonly crt: string; readonly key: string }
const pem = (label: string, der: ArrayBuffer): string => `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END ${label}-----\n`
const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<CryptoKeyPair>
type CryptoKeyPair = Awaited<ReturnType<typeof webcrypto.subtle.generateKey>> & { readonly privateKey: webcrypto.CryptoKey; readonly publicKey: webcrypto.CryptoKey }
const pair = async (cert: x509.X509Certificate, key: webcrypto.CryptoKey): Promise<Pair> => ({ crt: `${cert.toString('pem')}\n`, key: pem('PRIVATE KEY', (await webcrypto.subtle.exportKey('pkcs8', key)) as ArrayBuffer) })
const serialNumber = (): string => `01${randomBytes(15).toString('hex')}`

const newAuthority = async (now: Date): Promise<Pair> => {
  const keys = await newKeys()
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=skerry-platform', serialNumber: serialNumber(), notBefore: new Date(now.getTime() - 300_000), notAfter: new Date(now.getTime() + 3650 * day), signingAlgorithm: algorithm, keys: keys as never,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true), new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true)],
  })
  return pair(cert, keys.privateKey)
}

const importKey = (text: string) => webcrypto.subtle.importKey('pkcs8', Buffer.from(text.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64'), algorithm, true, ['sign'])

interface Leaf { readonly commonName: string; readonly organization?: string; readonly sans?: readonly string[]; readonly days: number }
const newLeaf = async (authority: Pair, leaf: Leaf, now: Date): Promise<Pair> => {
  const keys = await newKeys()
  const issuer = new x509.X509Certificate(authority.crt)
  const cert = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [leaf.commonName] }, ...(leaf.organization === undefined ? [] : [{ O: [leaf.organization] }])], issuer: issuer.subject, serialNumber: serialNumber(),
    notBefore: new Date(now.getTime() - 300_000), notAfter: new Date(now.getTime() + leaf.days * day), publicKey: keys.publicKey as never, signingKey: (await importKey(authority.key)) as never, signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true), new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([leaf.sans === undefined ? '1.3.6.1.5.5.7.3.2' : '1.3.6.1.5.5.7.3.1']),
      ...(leaf.sans === undefined ? [] : [new x509.SubjectAlternativeNameExtension(leaf.sans.map((s) => ({ type: isIP(s) > 0 ? 'ip' as const : 'dns' as const, value: s })))]),
    ],
  })
  return pair(cert, keys.privateKey)
}

const isEnding = (crt: string, now: Date): boolean => new x509.X509Certificate(crt).notAfter.getTime() - now.getTime() < 7 * day

export interface PlatformPki { readonly authority: string; readonly serving: Pair; readonly admin: Pair; readonly site: Pair }

/** Reads what is under `state`, makes what is missing, and makes anew what ends within a week. */
export const platformPki = async (state: string, host: string, now: Date): Promise<PlatformPki> => {
  const dir = layout(state).pki
  const keep = async (name: string, make: () => Promise<Pair>): Promise<Pair> => {
    const path = join(dir, `${name}.json`)
    const have = JSON.parse((await readOrMake(path, async () => JSON.stringify(await make()))).toString()) as Pair
    if (name === 'authority' || !isEnding(have.crt, now)) return have
    const fresh = await make()
    await writePrivate(path, JSON.stringify(fresh))
    return fresh
  }
  const authority = await keep('authority', () => newAuthority(now))
  const leaf = (name: string, l: Leaf) => keep(name, () => newLeaf(authority, l, now))
  return {
    authority: authority.crt,
    serving: await leaf('serving', { commonName: 'skerry', sans: [...new Set(['localhost', '127.0.0.1', host, 'skerry'])].filter((h) => h !== '0.0.0.0'), days: 365 }),
    admin: await leaf('admin', { commonName: bootstrapUser, days: 365 }),
    site: await leaf('site', { commonName: 'skerry:site', organization: 'skerry:sites', days: 90 }),
  }
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
