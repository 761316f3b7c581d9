/**
 * One token for each credential (rule O4): renewed by one caller at 80 % of its life while the others go on with the old one;
 * a refused log-in is not tried again for 5 minutes, doubling to an hour.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../budget.ts'
import { openstackError } from '../errors.ts'
import { refused, type Call } from './classify.ts'
import type { Send } from './http.ts'
import { array, object, objects, printable, text, type Json } from './json.ts'

/** Exactly one of the two credentials. */
export interface Auth {
  /** With or without `/v3`. */
  readonly authUrl: string
  readonly applicationCredential?: { readonly id: string; readonly secret: string } | undefined
  readonly password?: {
    readonly username: string
    /** Default `Default`. */
    readonly userDomainName?: string | undefined
    readonly password: string
    /** One of the two. */
    readonly projectId?: string | undefined
    readonly projectName?: string | undefined
    readonly projectDomainName?: string | undefined
  } | undefined
}

export interface Endpoint { readonly type: string; readonly interface: string; readonly region: string; readonly url: string }

export interface Session {
  readonly token: string
  /** Monotonic. */
  readonly issuedAt: number
  readonly renewAt: number
  readonly endsAt: number
  readonly expiresAt: string
  readonly projectId: string
  readonly projectName: string
  readonly userId: string
  readonly userName: string
  readonly roles: readonly string[]
  readonly applicationCredentialId?: string
  readonly catalogue: readonly Endpoint[]
}

/** Refused credentials, kept beyond a client's life, so that opening a cloud again does not try again. One for the process. */
export interface Rejections {
  get(credential: string): { readonly until: number; readonly waitMs: number; readonly why: string } | undefined
  add(credential: string, now: number, why: string): number
  clear(credential: string): void
}
const firstWaitMs = 5 * 60_000
const longestWaitMs = 60 * 60_000
export const openRejections = (): Rejections => {
  const kept = new Map<string, { readonly until: number; readonly waitMs: number; readonly why: string }>()
  return {
    get: (c) => kept.get(c),
    add(c, now, why) {
      const before = kept.get(c)
      const waitMs = before === undefined ? firstWaitMs : Math.min(before.waitMs * 2, longestWaitMs)
      for (const [k, v] of kept) if (v.until + 2 * longestWaitMs < now) kept.delete(k)
      kept.set(c, { until: now + waitMs, waitMs, why })
      return waitMs
    },
    clear(c) { kept.delete(c) },
  }
}
export const processRejections: Rejections = openRejections()

export const identityUrl = (authUrl: string): string => `${authUrl.replace(/\/+$/, '').replace(/\/v(2\.0|3)$/, '')}/v3`

const request = (auth: Auth): object => {
  if (auth.applicationCredential !== undefined) return { auth: { identity: { methods: ['application_credential'], application_credential: auth.applicationCredential } } }
  const p = auth.password
  if (p === undefined) throw new TypeError('neither an application credential nor a password was given')
  if (p.projectId === undefined && p.projectName === undefined) throw new TypeError('a password needs projectId or projectName')
  return { auth: {
    identity: { methods: ['password'], password: { user: { name: p.username, domain: { name: p.userDomainName ?? 'Default' }, password: p.password } } },
    scope: { project: p.projectId !== undefined ? { id: p.projectId } : { name: p.projectName, domain: { name: p.projectDomainName ?? 'Default' } } },
  } }
}

const endpoints = (token: Json): readonly Endpoint[] =>
  objects(token['catalog']).flatMap((s) => array(s['endpoints']).map(object).map((e) => ({ type: text(s['type']), interface: text(e['interface']), region: text(e['region_id']) || text(e['region']), url: text(e['url']) })))

export interface Tokens {
  /** Throws CredentialRejected while it is in the back-off. */
  session(): Promise<Session>
  /** A service said 401 to this token: a new one, or CredentialRejected when it was just issued. */
  renew(refusedToken: string, service: string): Promise<Session>
  /** The next session is a new one, unless this one is younger than a minute. */
  leave(): void
  /** A service took the token: the next refusal waits 5 minutes again. */
  accepted(): void
  readonly secrets: readonly string[]
}

export interface TokenOptions { readonly auth: Auth; readonly send: Send; readonly clock: Clock; readonly limitMs: number; readonly rejections: Rejections }

/** A token younger than this that is refused was refused because of the credential. */
const justIssuedMs = 30_000
const keepMs = 60_000

export const openTokens = ({ auth, send, clock, limitMs, rejections }: TokenOptions): Tokens => {
  const url = `${identityUrl(auth.authUrl)}/auth/tokens`
  const body = JSON.stringify(request(auth))
  const credential = createHash('sha256').update(`${url}\n${body}`).digest('hex')
  const secrets = [auth.applicationCredential?.secret, auth.password?.password].filter((s) => s !== undefined)
  const call: Call = { service: 'identity', method: 'POST', path: '/auth/tokens', creates: false }
  let current: Session | undefined
  let pending: Promise<Session> | undefined

  const rejected = (why: string, waitMs: number): Error =>
    openstackError({ kind: 'credential-rejected', service: 'identity', status: 401, type: 'CredentialRejected', retryAfter: Math.ceil(waitMs / 1000) }, `the credential was refused: ${why}; tried again in ${Math.ceil(waitMs / 60_000)} min, or when it changes`)

  const logIn = async (): Promise<Session> => {
    const before = rejections.get(credential)
    const begun = clock.monotonic()
    if (before !== undefined && begun < before.until) throw rejected(before.why, before.until - begun)
    const answer = await send({ call, url, headers: { accept: 'application/json', 'content-type': 'application/json' }, body, limitMs })
    if (answer.status !== 201) {
      const error = refused(call, answer, secrets)
      // 404: Keystone does not know the application credential, or this is no Keystone.
      if (answer.status === 401 || answer.status === 403 || answer.status === 404) {
        const why = printable(error.message, 200)
        throw rejected(why, rejections.add(credential, clock.monotonic(), why))
      }
      throw error
    }
    const token = object(object(JSON.parse(answer.body))['token'])
    const project = object(token['project'])
    const user = object(token['user'])
    const subject = answer.headers['x-subject-token']
    if (subject === undefined || text(project['id']) === '') throw openstackError({ kind: 'invalid', service: 'identity', status: answer.status, type: 'Unscoped' }, 'the credential gives no token for a project: name the project')
    // By the service's own clock: ours may be wrong.
    const life = Math.max(0, Date.parse(text(token['expires_at'])) - Date.parse(text(token['issued_at'])))
    const application = text(object(token['application_credential'])['id'])
    return {
      token: subject, issuedAt: begun, renewAt: begun + life * 0.8, endsAt: begun + life, expiresAt: text(token['expires_at']),
      projectId: text(project['id']), projectName: text(project['name']), userId: text(user['id']), userName: text(user['name']),
      roles: objects(token['roles']).map((r) => text(r['name'])), ...(application !== '' && { applicationCredentialId: application }), catalogue: endpoints(token),
    }
  }
  const renewOnce = (): Promise<Session> => {
    pending ??= logIn().then((s) => (current = s)).finally(() => { pending = undefined })
    return pending
  }

  return {
    accepted() { rejections.clear(credential) },
    leave() { if (current !== undefined && clock.monotonic() - current.issuedAt >= keepMs) current = undefined },
    secrets,
    session: async () => {
      const now = clock.monotonic()
      if (current === undefined || now >= current.endsAt) return renewOnce()
      const old = current
      // The old token serves until it ends; then a renewal that fails is heard of.
      if (now >= old.renewAt) renewOnce().catch(() => undefined)
      return old
    },
    renew: async (refusedToken, service) => {
      if (current !== undefined && current.token !== refusedToken) return current
      if (current !== undefined && pending === undefined && clock.monotonic() - current.issuedAt < justIssuedMs) {
        const why = `${service} refused a token that was just issued`
        current = undefined
        throw rejected(why, rejections.add(credential, clock.monotonic(), why))
      }
      return renewOnce()
    },
  }
}
