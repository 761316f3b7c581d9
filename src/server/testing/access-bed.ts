/** An API server on loopback with real authorisation over real grants; who asks is who their token says, or their certificate. For tests only. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AccessGrant, ClusterAccessGrant, kinds } from '../../api/index.ts'
import type { Kind } from '../../api/meta/index.ts'
import { byToken, firstOf, type ApiOptions } from '../../apiserver/index.ts'
import { caller, startLab, watching, type Answer, type Ask, type LabServer, type Watching } from '../../apiserver/testing/lab-server.ts'
import { openCache } from '../../store/cache.ts'
import { silent } from '../../store/log.ts'
import { openMemoryStore } from '../../store/memory/memory.ts'
import { openApiAccess } from '../api-access.ts'
import type { Authorization } from '../authorization.ts'
import { bootstrapUser, ensureAdministrator, ensureOwnCertificate } from '../bootstrap.ts'
import { certificateSubresource } from '../client-certificates.ts'
import { kubeconfigText, newClient, platformPki, type PlatformPki } from '../platform-pki.ts'

export interface AccessBed {
  readonly lab: LabServer
  readonly pki: PlatformPki
  call(method: string, path: string, body?: unknown, ask?: Ask): Promise<Answer>
  watch(path: string, ask?: Ask): Promise<Watching>
  /** As the bootstrap administrator. Answers the path of the grant. */
  grant(role: string, project: string, ...users: readonly string[]): Promise<string>
  /** A kubeconfig with a certificate of an hour, and the object behind it. */
  kubeconfigFor(user: string): Promise<string>
  close(): Promise<void>
}

export const ours = '/apis/skerry.dev/v1alpha1'
export const pathOf = (kind: Kind<any>, project: string, name = ''): string => `${ours}${project === '' ? '' : `/namespaces/${project}`}/${kind.plural}${name === '' ? '' : `/${name}`}`
export const admin: Ask = { as: bootstrapUser }

/** Tokens are names of users; `name+group` is also in a group. */
const identityOf = (token: string, authorization: Authorization) => {
  const [user = '', ...own] = token.split('+')
  const who = { user, groups: [...own, 'system:authenticated'] }
  return { ...who, writer: authorization.writerOf(who) }
}

export const startAccessBed = async (options: Partial<ApiOptions> & { readonly tls?: boolean } = {}): Promise<AccessBed> => {
  const { tls, now = () => new Date(), ...api } = options
  const state = await mkdtemp(join(tmpdir(), 'skerry-access-'))
  const pki = await platformPki(state, '127.0.0.1', now())
  const store = openMemoryStore()
  const cache = await openCache(store, { log: silent, pollMs: 0 })
  await ensureAdministrator(store, cache, new Date())
  await ensureOwnCertificate(store, bootstrapUser, { user: bootstrapUser, purpose: 'Person' }, new Date())
  await cache.fresh()
  const { authorization, authenticate, close: closeAccess, ...access } = openApiAccess(cache, now)
  const lab = await startLab({
    store, cache, kinds, builtins: ['events'], now, subresources: { 'clientcertificates/certificate': certificateSubresource(pki.authority) },
    tls: tls === true ? { cert: pki.serving.crt, key: pki.serving.key, clientCa: pki.authority.crt } : undefined,
    authenticate: firstOf(authenticate, byToken((token) => identityOf(token, authorization))),
    ...access, ...api,
  })
  const call = caller(lab)
  const open: Watching[] = []
  return {
    lab, pki, call,
    watch: async (path, ask) => {
      const w = await watching(lab, path, ask)
      open.push(w)
      return w
    },
    async grant(role, project, ...users) {
      const kind = project === '' ? ClusterAccessGrant : AccessGrant
      const name = `${role}-${users.join('-').toLowerCase()}`
      const made = await call('POST', pathOf(kind, project), { metadata: { name }, spec: { role, subjects: users.map((user) => ({ kind: 'User', name: user })) } }, admin)
      if (made.code !== 201) throw new Error(made.text)
      return pathOf(kind, project, name)
    },
    async kubeconfigFor(user) {
      const uid = await ensureOwnCertificate(store, user, { user, purpose: 'Person' }, now())
      const own = await newClient(pki.authority, { user, groups: [], object: { name: user, uid } }, new Date(now().getTime() + 3_600_000), now())
      return kubeconfigText(lab.listening.url, pki.authority.crt, own, 'skerry')
    },
    async close() {
      for (const w of open) w.stop()
      await lab.close()
      closeAccess()
      await rm(state, { recursive: true })
    },
  }
}
