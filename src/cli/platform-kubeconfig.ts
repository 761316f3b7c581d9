/** Kubeconfigs of the platform itself, as text: written for somebody, and with their certificate renewed. */
import { X509Certificate } from 'node:crypto'
import { parse, stringify } from 'yaml'
import type { CertificateAnswer } from '../api/access/index.ts'
import { certifiedBy } from '../api/client-certificate/index.ts'
import { cliError } from './context.ts'

interface Entry { readonly name: string }
interface File {
  readonly 'current-context'?: string
  readonly contexts?: readonly (Entry & { readonly context: { readonly cluster: string; readonly user: string } })[]
  readonly clusters?: readonly (Entry & { readonly cluster: { readonly server: string } })[]
  readonly users?: readonly (Entry & { readonly user: Readonly<Record<string, unknown>> })[]
}
const base64 = (text: string): string => Buffer.from(text).toString('base64')
const broken = (what: string) => cliError(`this kubeconfig has no ${what}`)

const current = (file: File) => {
  const context = file.contexts?.find((c) => c.name === file['current-context'])?.context
  if (context === undefined) throw broken('current context')
  return context
}

export const serverOf = (text: string): string => {
  const file = parse(text) as File
  const server = file.clusters?.find((c) => c.name === current(file).cluster)?.cluster.server
  if (server === undefined) throw broken('server')
  return server
}

/** The ClientCertificate that the certificate in it was signed for. */
export const certificateNameIn = (text: string): string => {
  const file = parse(text) as File
  const data = file.users?.find((u) => u.name === current(file).user)?.user['client-certificate-data']
  if (typeof data !== 'string') throw broken('client-certificate-data')
  const by = certifiedBy(new X509Certificate(Buffer.from(data, 'base64')).subjectAltName)
  if (by === undefined) throw cliError('the certificate in this kubeconfig is none that can be renewed')
  return by.name
}

/** `key`: as PEM, or the file in which it lies, beside the kubeconfig. */
export const platformKubeconfig = (server: string, user: string, a: CertificateAnswer, key: { readonly pem: string } | { readonly file: string }): string => stringify({
  apiVersion: 'v1', kind: 'Config', 'current-context': 'skerry', clusters: [{ name: 'skerry', cluster: { server, 'certificate-authority-data': base64(a.ca) } }],
  users: [{ name: user, user: { 'client-certificate-data': base64(a.certificate), ...('pem' in key ? { 'client-key-data': base64(key.pem) } : { 'client-key': key.file }) } }],
  contexts: [{ name: 'skerry', context: { cluster: 'skerry', user } }],
})

/** The same kubeconfig with a new certificate and its key. */
export const renewed = (text: string, a: CertificateAnswer, key: string): string => {
  const file = parse(text) as File
  const { user: name } = current(file)
  return stringify({ ...file, users: file.users?.map((u) => {
    if (u.name !== name) return u
    const { 'client-key': _, 'client-certificate': __, ...rest } = u.user
    return { ...u, user: { ...rest, 'client-certificate-data': base64(a.certificate), 'client-key-data': base64(key) } }
  }) })
}
