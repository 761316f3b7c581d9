/** PEM text and keys. Talos labels Ed25519 keys `ED25519 PRIVATE KEY`, which OpenSSL and Node refuse; the body is ordinary PKCS #8. */
import { createPrivateKey, type KeyObject } from 'node:crypto'

const talosLabel = 'ED25519 PRIVATE KEY'

export const toPem = (label: string, der: Buffer): string => `-----BEGIN ${label}-----\n${der.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`

/** The bytes of the first block with that label. */
export const fromPem = (label: string, text: string): Buffer => {
  const body = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`).exec(text)?.[1]
  if (body === undefined) throw new Error(`no ${label} in PEM form`)
  return Buffer.from(body, 'base64')
}

/** A key as OpenSSL and Node take it. */
export const nodeKeyPem = (pem: string): string => pem.replaceAll(talosLabel, 'PRIVATE KEY')

export const readKey = (pem: string): KeyObject => createPrivateKey(nodeKeyPem(pem))

/** A key as Talos writes it: its own label for Ed25519, SEC 1 for ECDSA, PKCS #1 for RSA. */
export const talosKeyPem = (key: KeyObject): string => {
  switch (key.asymmetricKeyType) {
    case 'ed25519': return toPem(talosLabel, key.export({ type: 'pkcs8', format: 'der' }))
    case 'ec': return key.export({ type: 'sec1', format: 'pem' }).toString()
    case 'rsa': return key.export({ type: 'pkcs1', format: 'pem' }).toString()
    default: throw new Error(`a key of type ${key.asymmetricKeyType ?? 'none'} is not used by Talos`)
  }
}
