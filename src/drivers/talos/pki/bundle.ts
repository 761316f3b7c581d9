/** A new cluster's secrets (rule T7): what `talosctl gen secrets` makes, made here. */
import { generateKeyPair, randomBytes as systemRandom } from 'node:crypto'
import { promisify } from 'node:util'
import type { KeyPair, SecretsBundle } from '../talos.ts'
import { selfSign, type Subject } from './certificate.ts'
import { talosKeyPem } from './pem.ts'

const generate = promisify(generateKeyPair)
const tenYears = 87_600 * 3_600_000

export interface BundleOptions {
  readonly now: Date
  readonly randomBytes?: (n: number) => Buffer
  /** RSA-4096 as Talos makes it (about a second); `ecdsa` is what Talos made before 1.7 and still takes, for tests that make many clusters. */
  readonly serviceAccountKey?: 'rsa' | 'ecdsa'
}

const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz'
const characters = (n: number, random: (n: number) => Buffer): string => {
  let text = ''
  // 252 is the largest multiple of 36: bytes above it would favour some characters.
  while (text.length < n) for (const byte of random(n * 2)) if (byte < 252 && text.length < n) text += alphabet[byte % 36]
  return text
}

export const newAuthority = async (algorithm: 'ed25519' | 'ecdsa', subject: Subject, now: Date): Promise<KeyPair> => {
  const { privateKey } = algorithm === 'ed25519' ? await generate('ed25519') : await generate('ec', { namedCurve: 'P-256' })
  const crt = selfSign({ subject, isAuthority: true, usages: ['serverAuth', 'clientAuth'], notBefore: now, notAfter: new Date(now.getTime() + tenYears) }, privateKey)
  return { crt, key: talosKeyPem(privateKey) }
}

export const newSecretsBundle = async ({ now, randomBytes = systemRandom, serviceAccountKey = 'rsa' }: BundleOptions): Promise<SecretsBundle> => {
  const token = () => `${characters(6, randomBytes)}.${characters(16, randomBytes)}`
  const [os, etcd, k8s, k8sAggregator, account] = await Promise.all([
    newAuthority('ed25519', [['O', 'talos']], now),
    newAuthority('ecdsa', [['O', 'etcd']], now),
    newAuthority('ecdsa', [['O', 'kubernetes']], now),
    // Its subject is empty in Talos too.
    newAuthority('ecdsa', [], now),
    serviceAccountKey === 'rsa' ? generate('rsa', { modulusLength: 4096 }) : generate('ec', { namedCurve: 'P-256' }),
  ])
  return {
    clusterId: randomBytes(32).toString('base64url').padEnd(44, '='), clusterSecret: randomBytes(32).toString('base64'),
    bootstrapToken: token(), trustdToken: token(), secretboxEncryptionSecret: randomBytes(32).toString('base64'),
    certs: { os, etcd, k8s, k8sAggregator, k8sServiceAccount: { key: talosKeyPem(account.privateKey) } },
  }
}
