/** The kubeconfig that a control plane hands out to os:admin: a gzipped tar with one file, as Talos streams it. */
import { generateKeyPairSync } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { stringify } from 'yaml'
import { issue } from '../pki/certificate.ts'
import { nodeKeyPem } from '../pki/pem.ts'
import type { NodeConfig } from './machine-config.ts'

/** One regular file in POSIX ustar form: a header block, the content filled up to 512 bytes, two empty blocks. */
const tar = (name: string, content: Buffer): Buffer => {
  const header = Buffer.alloc(512)
  const octal = (value: number, at: number, length: number) => { header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'ascii') }
  header.write(name, 0, 'ascii')
  octal(0o600, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(content.length, 124, 12)
  octal(0, 136, 12)
  header.fill(' ', 148, 156)
  header.write('0ustar\x0000', 156, 'ascii')
  header.copyWithin(257, 157, 165)
  header.fill(0, 157, 165)
  octal(header.reduce((sum, byte) => sum + byte, 0), 148, 7)
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512 + 1024)])
}

export const kubeconfigArchive = (config: NodeConfig): Buffer => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  // TLS compares with the system's clock.
  const now = Date.now()
  const crt = issue({ crt: config.kubernetes.crt, key: nodeKeyPem(config.kubernetes.key) }, {
    subject: [['O', 'system:masters'], ['CN', 'admin']], publicKey, notBefore: new Date(now - 10_000), notAfter: new Date(now + 8760 * 3_600_000), keyEncipherment: true, usages: ['clientAuth'],
  })
  const encode = (pem: string): string => Buffer.from(pem).toString('base64')
  const { clusterName } = config
  const user = `admin@${clusterName}`
  return gzipSync(tar('kubeconfig', Buffer.from(stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': user,
    clusters: [{ name: clusterName, cluster: { server: `https://${config.endpointHost}:6443`, 'certificate-authority-data': encode(config.kubernetes.crt) } }],
    users: [{ name: user, user: { 'client-certificate-data': encode(crt), 'client-key-data': encode(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()) } }],
    contexts: [{ name: user, context: { cluster: clusterName, namespace: 'default', user } }],
  }, { lineWidth: 0 }))))
}
