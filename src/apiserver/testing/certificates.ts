/** A small authority for TLS tests: serving and client certificates of an hour. */
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(webcrypto as never)
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
type Keys = webcrypto.CryptoKeyPair
export interface Pair { readonly cert: string; readonly key: string }

const newKeys = (): Promise<Keys> => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<Keys>
const serialNumber = (): string => `01${randomBytes(8).toString('hex')}`
const validity = () => ({ notBefore: new Date(Date.now() - 300_000), notAfter: new Date(Date.now() + 3_600_000) })
const pairOf = async (cert: x509.X509Certificate, keys: Keys): Promise<Pair> => ({
  cert: cert.toString('pem'),
  key: `-----BEGIN PRIVATE KEY-----\n${Buffer.from((await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)) as ArrayBuffer).toString('base64')}\n-----END PRIVATE KEY-----\n`,
})

export interface Authority {
  readonly cert: string
  serving(): Promise<Pair>
  client(user: string, group: string): Promise<Pair>
}

export const newAuthority = async (): Promise<Authority> => {
  const own = await newKeys()
  const ca = await x509.X509CertificateGenerator.createSelfSigned({ name: 'CN=lab authority', serialNumber: serialNumber(), ...validity(), signingAlgorithm: algorithm, keys: own as never, extensions: [new x509.BasicConstraintsExtension(true, 0, true)] })
  const issue = async (subject: x509.JsonName, extensions: x509.Extension[]): Promise<Pair> => {
    const keys = await newKeys()
    return pairOf(await x509.X509CertificateGenerator.create({ subject, issuer: ca.subject, serialNumber: serialNumber(), ...validity(), publicKey: keys.publicKey as never, signingKey: own.privateKey as never, signingAlgorithm: algorithm, extensions }), keys)
  }
  return {
    cert: ca.toString('pem'),
    serving: () => issue([{ CN: ['lab'] }], [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }, { type: 'dns', value: 'localhost' }])]),
    client: (user, group) => issue([{ CN: [user] }, { O: [group] }], [new x509.ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.2'])]),
  }
}
