/** The client certificates of this machine, the bootstrap administrator's and the site's: in files, renewed in the middle of their life (rule A4). */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { certifiedBy, longestLife, type ClientCertificateSpec } from '../api/client-certificate/index.ts'
import type { Store } from '../store/store.ts'
import { sites } from '../rules/roles.ts'
import { bootstrapUser, ensureOwnCertificate } from './bootstrap.ts'
import { layout, writePrivate } from './files.ts'
import { kubeconfigText, newClient, type Pair } from './platform-pki.ts'

interface Own { readonly file: 'admin' | 'site'; readonly name: string; readonly user: string; readonly groups: readonly string[]; readonly purpose: ClientCertificateSpec['purpose'] }
const all: readonly Own[] = [
  { file: 'admin', name: bootstrapUser, user: bootstrapUser, groups: [], purpose: 'Person' },
  { file: 'site', name: 'site', user: 'skerry:site', groups: [sites], purpose: 'Site' },
]

const read = async (path: string): Promise<Pair | undefined> => {
  try { return JSON.parse(await readFile(path, 'utf8')) as Pair } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
const isDue = (pair: Pair | undefined, own: Own, now: Date): boolean => {
  if (pair === undefined) return true
  const cert = new X509Certificate(pair.crt)
  return certifiedBy(cert.subjectAltName) === undefined || Date.parse(cert.validTo) - now.getTime() < longestLife[own.purpose] / 2
}

export interface OwnCertificates { readonly state: string; readonly url: string; readonly authority: Pair; readonly now: () => Date; openStore(): Promise<Store> }

/** `always`: looks whether the objects behind them stand, as at a start. Answers which were made anew. */
export const renewOwnCertificates = async (o: OwnCertificates, always: boolean): Promise<readonly Own['file'][]> => {
  const paths = layout(o.state)
  const fileOf = (own: Own): string => join(paths.pki, `${own.file}.json`)
  const now = o.now()
  const have = await Promise.all(all.map(async (own) => ({ own, pair: await read(fileOf(own)) })))
  if (!always && have.every(({ own, pair }) => !isDue(pair, own, now))) return []
  const store = await o.openStore()
  try {
    const renewed: Own['file'][] = []
    for (const { own, pair } of have) {
      const uid = await ensureOwnCertificate(store, own.name, { user: own.user, purpose: own.purpose }, now)
      const isOf = pair !== undefined && certifiedBy(new X509Certificate(pair.crt).subjectAltName)?.uid === uid
      const current = isOf && !isDue(pair, own, now) ? pair : await newClient(o.authority, { ...own, object: { name: own.name, uid } }, new Date(now.getTime() + longestLife[own.purpose]), now)
      await writePrivate(own.file === 'admin' ? paths.kubeconfig : paths.siteKubeconfig, kubeconfigText(o.url, o.authority.crt, current, own.file === 'admin' ? 'skerry' : 'skerry-site'))
      if (current === pair) continue
      await writePrivate(fileOf(own), JSON.stringify(current))
      renewed.push(own.file)
    }
    return renewed
  } finally { await store.close() }
}
