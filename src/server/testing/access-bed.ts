/** An API server on loopback with real authorisation over real grants; whoever asks is who their token says. For tests only. */
import { AccessGrant, ClusterAccessGrant, kinds } from '../../api/index.ts'
import type { Kind } from '../../api/meta/index.ts'
import { byToken, type ApiOptions } from '../../apiserver/index.ts'
import { caller, startLab, watching, type Answer, type Ask, type LabServer, type Watching } from '../../apiserver/testing/lab-server.ts'
import { openCache } from '../../store/cache.ts'
import { silent } from '../../store/log.ts'
import { openMemoryStore } from '../../store/memory/memory.ts'
import { admissionOf } from '../admission.ts'
import { openAuthorization, type Authorization } from '../authorization.ts'
import { bootstrapUser, ensureAdministrator } from '../bootstrap.ts'
import { openGrants } from '../grants.ts'

export interface AccessBed {
  readonly lab: LabServer
  readonly authorization: Authorization
  call(method: string, path: string, body?: unknown, ask?: Ask): Promise<Answer>
  watch(path: string, ask?: Ask): Promise<Watching>
  /** As the bootstrap administrator. Answers the path of the grant. */
  grant(role: string, project: string, ...users: readonly string[]): Promise<string>
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

export const startAccessBed = async (options: Partial<ApiOptions> = {}): Promise<AccessBed> => {
  const store = openMemoryStore()
  await ensureAdministrator(store, new Date())
  const cache = await openCache(store, { log: silent, pollMs: 0 })
  const grants = openGrants(cache)
  const authorization = openAuthorization(grants)
  const lab = await startLab({
    store, cache, kinds, builtins: ['events'], authenticate: byToken((token) => identityOf(token, authorization)), authorize: authorization.authorize, scopeOf: authorization.scopeOf, onAccessChange: grants.onChange,
    admission: admissionOf(authorization), ...options,
  })
  const call = caller(lab)
  const open: Watching[] = []
  return {
    lab, authorization, call,
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
    async close() {
      for (const w of open) w.stop()
      await lab.close()
    },
  }
}
