/** Bundles and credentials: sealed before they reach the store, opened only here (rule T7). */
import type { Sealed } from '../../store/store.ts'
import type { SecretsBundle } from '../../drivers/talos/talos.ts'
import type { CredentialRequest } from '../../api/access/index.ts'
import { seal, unseal } from '../sealing.ts'

export type Credential = Omit<CredentialRequest['spec'], 'project'>

export interface Secrets {
  ensure(clusterUid: string): Promise<SecretsBundle>
  get(clusterUid: string): Promise<SecretsBundle | undefined>
  /** Seals and commits a bundle when there is none; answers the one that stands. */
  keep(clusterUid: string, bundle: SecretsBundle): Promise<SecretsBundle>
  credential(siteUid: string, project: string): Promise<Credential | undefined>
  /** Replaces; project '' is the site's own. */
  putCredential(siteUid: string, project: string, credential: Credential): Promise<void>
}

const bundleId = (uid: string) => `bundle/${uid}`
const credentialId = (siteUid: string, project: string) => `credential/${siteUid}/${project}`

/** Bundles never change. One that nobody asked for in this time, or twice it at most, is not kept: keys of clusters at rest are in no memory. */
const keptMs = 5 * 60_000

export const openSecrets = (sealed: Sealed, key: Buffer, newBundle: () => Promise<SecretsBundle>, forgetAfterMs = keptMs): Secrets => {
  let young = new Map<string, Promise<SecretsBundle | undefined>>()
  let old: typeof young = new Map()
  setInterval(() => {
    old = young
    young = new Map()
  }, forgetAfterMs).unref()
  const open = async <T>(id: string): Promise<T | undefined> => {
    const bytes = await sealed.get(id)
    return bytes === undefined ? undefined : (JSON.parse(unseal(key, id, bytes).toString()) as T)
  }
  const drop = (uid: string, bundle: Promise<SecretsBundle | undefined>): void => {
    for (const kept of [young, old]) if (kept.get(uid) === bundle) kept.delete(uid)
  }
  const get = (uid: string): Promise<SecretsBundle | undefined> => {
    const kept = young.get(uid) ?? old.get(uid)
    const bundle = kept ?? open<SecretsBundle>(bundleId(uid))
    young.set(uid, bundle)
    if (kept === undefined) bundle.then((b) => { if (b === undefined) drop(uid, bundle) }, () => drop(uid, bundle))
    return bundle
  }
  const keep = async (uid: string, wanted: SecretsBundle): Promise<SecretsBundle> => {
    const id = bundleId(uid)
    // Two makers: the first one's stands, and both use it.
    const standing = await sealed.putIfAbsent(id, seal(key, id, Buffer.from(JSON.stringify(wanted))))
    const bundle = JSON.parse(unseal(key, id, standing).toString()) as SecretsBundle
    young.set(uid, Promise.resolve(bundle))
    return bundle
  }
  return {
    get, keep,
    ensure: async (uid) => (await get(uid)) ?? keep(uid, await newBundle()),
    credential: async (siteUid, project) => (await open<Credential>(credentialId(siteUid, project))) ?? (project === '' ? undefined : open<Credential>(credentialId(siteUid, ''))),
    putCredential: async (siteUid, project, credential) => {
      const id = credentialId(siteUid, project)
      // In one: without its own, a project would be given the site's, and what is made with that stays in the wrong OpenStack project.
      await sealed.put(id, seal(key, id, Buffer.from(JSON.stringify(credential))))
    },
  }
}
