/** A key and a certificate signing request, made here; the key never leaves this machine (rule T8). */
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

export interface KeyAndRequest { readonly key: string; readonly csr: string }

const pem = (label: string, der: ArrayBuffer): string => `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END ${label}-----\n`

export const newKeyAndRequest = async (algorithm: 'P-256' | 'Ed25519'): Promise<KeyAndRequest> => {
  x509.cryptoProvider.set(webcrypto as never)
  const a = algorithm === 'P-256' ? { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } : { name: 'Ed25519' }
  const keys = (await webcrypto.subtle.generateKey(a, true, ['sign', 'verify'])) as never as { readonly privateKey: webcrypto.CryptoKey; readonly publicKey: webcrypto.CryptoKey }
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: 'CN=requested', keys: keys as never, signingAlgorithm: a as never })
  return { key: pem('PRIVATE KEY', (await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)) as ArrayBuffer), csr: `${request.toString('pem')}\n` }
}
