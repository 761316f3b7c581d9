/** The bundle in the form of `talosctl gen secrets`, for export and import (rule T7). Encryption is not done here. */
import { createPublicKey, X509Certificate } from 'node:crypto'
import { parse, stringify } from 'yaml'
import type { KeyPair, SecretsBundle } from '../talos.ts'
import { readKey } from './pem.ts'

const encode = (pem: string): string => Buffer.from(pem).toString('base64')
const decode = (text: string): string => Buffer.from(text, 'base64').toString()

export const bundleToYaml = (b: SecretsBundle): string => {
  const pair = ({ crt, key }: KeyPair) => ({ crt: encode(crt), key: encode(key) })
  return stringify({
    cluster: { id: b.clusterId, secret: b.clusterSecret },
    secrets: { bootstraptoken: b.bootstrapToken, secretboxencryptionsecret: b.secretboxEncryptionSecret },
    trustdinfo: { token: b.trustdToken },
    certs: { etcd: pair(b.certs.etcd), k8s: pair(b.certs.k8s), k8saggregator: pair(b.certs.k8sAggregator), k8sserviceaccount: { key: encode(b.certs.k8sServiceAccount.key) }, os: pair(b.certs.os) },
  }, { lineWidth: 0 })
}

/** Throws an error that names the field and holds none of its value. */
export const bundleFromYaml = (text: string): SecretsBundle => {
  let root: unknown
  // The parser's messages would quote the text, and its warnings print it.
  try { root = parse(text, { logLevel: 'error' }) } catch { throw new Error('the secrets bundle is not YAML') }
  const text_ = (...path: readonly string[]): string => {
    let at: unknown = root
    for (const key of path) at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined
    if (typeof at !== 'string' || at === '') throw new Error(`the secrets bundle has no ${path.join('.')}`)
    return at
  }
  const key = (name: string): string => {
    const pem = decode(text_('certs', name, 'key'))
    try { readKey(pem) } catch { throw new Error(`certs.${name}.key of the secrets bundle is not a private key`) }
    return pem
  }
  const pair = (name: string): KeyPair => {
    const [crt, own] = [decode(text_('certs', name, 'crt')), key(name)]
    let matches = false
    try {
      matches = new X509Certificate(crt).publicKey.export({ type: 'spki', format: 'der' }).equals(createPublicKey(readKey(own) as never).export({ type: 'spki', format: 'der' }))
    } catch { throw new Error(`certs.${name}.crt of the secrets bundle is not a certificate`) }
    if (!matches) throw new Error(`certs.${name} of the secrets bundle: the key does not belong to the certificate`)
    return { crt, key: own }
  }
  const secrets = (root as { readonly secrets?: { readonly aescbcencryptionsecret?: unknown } } | null)?.secrets
  if (secrets?.aescbcencryptionsecret !== undefined) throw new Error('secrets.aescbcencryptionsecret: clusters that encrypt with AES-CBC (made before Talos 1.3) cannot be taken over')
  return {
    clusterId: text_('cluster', 'id'), clusterSecret: text_('cluster', 'secret'), bootstrapToken: text_('secrets', 'bootstraptoken'), trustdToken: text_('trustdinfo', 'token'),
    secretboxEncryptionSecret: text_('secrets', 'secretboxencryptionsecret'),
    certs: { os: pair('os'), etcd: pair('etcd'), k8s: pair('k8s'), k8sAggregator: pair('k8saggregator'), k8sServiceAccount: { key: key('k8sserviceaccount') } },
  }
}
