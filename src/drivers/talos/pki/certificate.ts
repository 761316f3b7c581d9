/** X.509 certificates as Talos and Kubernetes want them, made with node's own crypto. Signing is synchronous: about 0.1 ms. */
import { createHash, createPublicKey, randomBytes, sign, verify, X509Certificate, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import type { KeyPair } from '../talos.ts'
import { bits, boolean, elements, explicit, integer, octets, oid, parts, sequence, set, time, tlv, utf8 } from './der.ts'
import { fromPem, readKey, toPem } from './pem.ts'

/** In the order in which they stand in the subject. Several O are several groups. */
export type Subject = readonly (readonly ['CN' | 'O', string])[]
export type Usage = 'serverAuth' | 'clientAuth'

export interface Certificate {
  readonly subject: Subject
  readonly publicKey: KeyObject
  readonly notBefore: Date
  readonly notAfter: Date
  readonly isAuthority?: boolean
  readonly keyEncipherment?: boolean
  readonly usages: readonly Usage[]
  /** Names and addresses. */
  readonly sans?: readonly string[]
}

const oids = { CN: '2.5.4.3', O: '2.5.4.10', serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' } as const
const algorithms = { ed25519: '1.3.101.112', ec: '1.2.840.10045.4.3.2', rsa: '1.2.840.113549.1.1.11' } as const

/** PureEd25519, or SHA-256 with ECDSA or RSA. */
const algorithmOf = (key: KeyObject): { readonly identifier: Buffer; readonly digest: string | null } => {
  const type = key.asymmetricKeyType
  if (type === 'ed25519') return { identifier: sequence(oid(algorithms.ed25519)), digest: null }
  if (type === 'ec') return { identifier: sequence(oid(algorithms.ec)), digest: 'sha256' }
  if (type === 'rsa') return { identifier: sequence(oid(algorithms.rsa), tlv(0x05)), digest: 'sha256' }
  throw new Error(`keys of type ${type ?? 'none'} do not sign certificates here`)
}

const nameOf = (subject: Subject): Buffer => sequence(...subject.map(([attribute, value]) => set(sequence(oid(oids[attribute]), utf8(value)))))

const addressBytes = (address: string): Buffer => {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number))
  // The URL parser knows how to write an IPv6 address in full groups; the rest is filling `::`.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const all = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after]
  return Buffer.from(all.map((g) => g.padStart(4, '0')).join(''), 'hex')
}

const extension = (id: string, critical: boolean, value: Buffer): Buffer => sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value))

const extensionsOf = (c: Certificate, subjectKeyId: Buffer | undefined, authorityKeyId: Buffer | undefined): Buffer => {
  // digitalSignature is bit 0, keyEncipherment bit 2, keyCertSign bit 5.
  const keyUsage = c.isAuthority ? bits(Buffer.from([0x84]), 2) : c.keyEncipherment ? bits(Buffer.from([0xa0]), 5) : bits(Buffer.from([0x80]), 7)
  return explicit(3, sequence(
    extension('2.5.29.15', true, keyUsage),
    extension('2.5.29.37', false, sequence(...c.usages.map((u) => oid(oids[u])))),
    ...(c.isAuthority ? [extension('2.5.29.19', true, sequence(boolean(true)))] : []),
    ...(subjectKeyId === undefined ? [] : [extension('2.5.29.14', false, octets(subjectKeyId))]),
    ...(authorityKeyId === undefined ? [] : [extension('2.5.29.35', false, sequence(tlv(0x80, authorityKeyId)))]),
    // Critical when the subject is empty (RFC 5280, 4.2.1.6).
    ...(c.sans === undefined || c.sans.length === 0 ? [] : [extension('2.5.29.17', c.subject.length === 0,
      sequence(...c.sans.map((s) => (isIP(s) > 0 ? tlv(0x87, addressBytes(s)) : tlv(0x82, Buffer.from(s, 'ascii'))))))]),
  ))
}

const build = (c: Certificate, issuerName: Buffer, signingKey: KeyObject, subjectKeyId: Buffer | undefined, authorityKeyId: Buffer | undefined, serial: Buffer): string => {
  const { identifier, digest } = algorithmOf(signingKey)
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))), integer(serial), identifier, issuerName, sequence(time(c.notBefore), time(c.notAfter)), nameOf(c.subject),
    c.publicKey.export({ type: 'spki', format: 'der' }), extensionsOf(c, subjectKeyId, authorityKeyId),
  )
  return toPem('CERTIFICATE', sequence(body, identifier, bits(sign(digest, body, signingKey))))
}

/** 128 random bits; the first is cleared and the second set, so that it is positive and of full length. */
const newSerial = (): Buffer => { const b = randomBytes(16); b[0] = (b[0]! & 0x7f) | 0x40; return b }

export const selfSign = (c: Omit<Certificate, 'publicKey'>, key: KeyObject): string =>
  build({ ...c, publicKey: createPublicKey(key as never) }, nameOf(c.subject), key, randomBytes(20), undefined, newSerial())

/** Parts of a certificate that issuing under it needs: its subject as it stands, and its key's identifier. */
const issuerParts = (pem: string): { readonly name: Buffer; readonly keyId: Buffer | undefined } => {
  const body = elements(parts(fromPem('CERTIFICATE', pem))[0]!.content)
  const name = body[5]?.raw
  if (name === undefined) throw new Error('an authority\'s certificate has no subject')
  const extensions = body.find((e) => e.tag === 0xa3)
  const list = extensions === undefined ? [] : parts(extensions.content).map((e) => elements(e.content))
  const keyId = list.find((e) => e[0]!.raw.equals(oid('2.5.29.14')))?.at(-1)?.content
  return { name, keyId: keyId === undefined ? undefined : elements(keyId)[0]?.content }
}

export const issue = (authority: KeyPair, c: Certificate): string => {
  const { name, keyId } = issuerParts(authority.crt)
  return build(c, name, readKey(authority.key), undefined, keyId, newSerial())
}

/** The public key of a certificate signing request, after its own signature was checked. Its subject and extensions are not looked at. */
export const readRequest = (pem: string): KeyObject => {
  if (pem.length > 16_384) throw new Error('the certificate signing request is too long')
  const [body, , signature] = parts(fromPem('CERTIFICATE REQUEST', pem))
  const spki = body === undefined ? undefined : elements(body.content)[2]
  if (body === undefined || spki === undefined || signature === undefined) throw new Error('not a certificate signing request')
  const key = createPublicKey({ key: spki.raw, format: 'der', type: 'spki' })
  if (key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048) throw new Error('RSA keys below 2048 bits are refused')
  if (!verify(algorithmOf(key).digest, body.raw, key, signature.content.subarray(1))) throw new Error('the certificate signing request is not signed by its key')
  return key
}

/** A request for that key; the signer decides what the certificate says. */
export const newRequest = (key: KeyObject): string => {
  const { identifier, digest } = algorithmOf(key)
  const body = sequence(integer(Buffer.from([0])), sequence(), createPublicKey(key as never).export({ type: 'spki', format: 'der' }), explicit(0))
  return toPem('CERTIFICATE REQUEST', sequence(body, identifier, bits(sign(digest, body, key))))
}

/** SHA-256 of the DER form, in hexadecimal. */
export const fingerprint = (crt: string): string => createHash('sha256').update(new X509Certificate(crt).raw).digest('hex')
