/** Keystone v3: tokens by password and application credential, catalogue, projects, application credentials. */
import { createHash } from 'node:crypto'
import type { Api, Call, Handle, Json, Reply } from '../core/call.ts'
import { Refusal, isAdmin, ok } from '../core/call.ts'
import type { CredentialRow, ProjectRow } from '../core/rows.ts'
import type { World } from '../core/world.ts'
import { hexId } from '../options.ts'
import { catalogue } from './catalogue.ts'
import type { Tokens } from './tokens.ts'

const titles: Readonly<Record<number, string>> = { 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 405: 'Method Not Allowed', 409: 'Conflict', 429: 'Too Many Requests', 500: 'Internal Server Error', 503: 'Service Unavailable' }

const error = (status: number, message: string): Reply => ({
  status,
  body: { error: { code: status, message, title: titles[status] ?? 'Error' } },
  ...(status === 401 ? { headers: { 'www-authenticate': 'Keystone uri="http://keystone"' } } : {}),
})
const refuse = (status: number, message: string): Refusal => new Refusal(error(status, message))
const unauthorized = (): Refusal => refuse(401, 'The request you have made requires authentication.')
const notAllowed = (action: string): Refusal => refuse(403, `You are not authorized to perform the requested action: ${action}.`)

const domain = { id: 'default', name: 'Default' }
export const roleId = (name: string): string => createHash('md5').update(`role-${name}`).digest('hex')
/** Secrets are kept as a digest only, as Keystone keeps them. */
export const digest = (secret: string): string => createHash('sha256').update(`skerry-sim:${secret}`).digest('hex')

export const identity = (world: World, tokens: Tokens): Api => {
  const { projects, credentials } = world.tables
  const projectOfUser = (userId: string): ProjectRow[] => [...projects.all()].filter((p) => p.userId === userId)

  const tokenBody = (call: Call, token: ReturnType<Tokens['issue']>): object => {
    const project = projects.get(token.projectId)
    const owner = project ?? [...projects.all()].find((p) => p.userId === token.userId)
    const credential = token.credentialId === undefined ? undefined : credentials.get(token.credentialId)
    return {
      token: {
        methods: token.methods,
        user: { domain, id: token.userId, name: owner?.user ?? '', password_expires_at: null },
        audit_ids: [token.auditId],
        expires_at: token.expiresAt,
        issued_at: token.issuedAt,
        ...(project === undefined ? {} : { project: { domain, id: project.id, name: project.name }, is_domain: false, roles: token.roles.map((name) => ({ id: roleId(name), name })), catalog: catalogue(world.settings, call.base, project.id) }),
        ...(credential === undefined ? {} : { application_credential: { id: credential.id, name: credential.name, restricted: !credential.unrestricted } }),
      },
    }
  }

  const userByPassword = (user: Json): ProjectRow => {
    if (user === undefined || user === null) throw refuse(400, "Expecting to find user in password. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.")
    const match = [...projects.all()].find((p) => (typeof user.id === 'string' ? p.userId === user.id : p.user === user.name && (user.domain?.id ?? 'default') === 'default') && p.password === digest(String(user.password ?? '')))
    if (match === undefined) throw unauthorized()
    return match
  }

  const credentialOf = (given: Json): CredentialRow => {
    let found: CredentialRow | undefined
    if (typeof given?.id === 'string') found = credentials.get(given.id)
    else {
      const owner = [...projects.all()].find((p) => (typeof given?.user?.id === 'string' ? p.userId === given.user.id : p.user === given?.user?.name))
      found = owner === undefined ? undefined : [...credentials.all()].find((c) => c.userId === owner.userId && c.name === given.name)
    }
    if (found === undefined || found.secret !== digest(String(given?.secret ?? ''))) throw unauthorized()
    if (found.expiresAt !== null && Date.parse(found.expiresAt) <= world.ms()) throw unauthorized()
    return found
  }

  const scopeOf = (call: Call, scope: Json, userId: string): ProjectRow | undefined => {
    if (scope === undefined || scope === 'unscoped' || scope?.unscoped !== undefined) return scope === undefined ? projectOfUser(userId)[0] : undefined
    const wanted = scope.project
    if (wanted === undefined) throw unauthorized()
    const project = typeof wanted.id === 'string' ? projects.get(wanted.id) : [...projects.all()].find((p) => p.name === wanted.name)
    if (project === undefined || (project.userId !== userId && !projectOfUser(userId).some((p) => p.id === project.id))) throw unauthorized()
    void call
    return project
  }

  const issue: Handle = (call) => {
    const auth = call.body?.auth
    const methods = auth?.identity?.methods as string[] | undefined
    if (!Array.isArray(methods)) throw refuse(400, "'identity' is a required property")
    let project: ProjectRow | undefined
    let userId: string
    let credential: CredentialRow | undefined
    let roles: readonly string[]
    if (methods.includes('application_credential')) {
      credential = credentialOf(auth.identity.application_credential)
      userId = credential.userId
      project = projects.get(credential.project)
      roles = credential.roles
    } else if (methods.includes('password')) {
      const owner = userByPassword(auth.identity.password?.user)
      userId = owner.userId
      project = scopeOf(call, auth.scope, userId)
      roles = project?.roles ?? []
    } else if (methods.includes('token')) {
      const old = tokens.check(String(auth.identity.token?.id ?? ''))
      if (old === undefined) throw unauthorized()
      userId = old.userId
      project = scopeOf(call, auth.scope, userId) ?? projects.get(old.projectId)
      roles = project?.roles ?? []
    } else throw unauthorized()
    const wrong = world.faults.strike(call, 'wrong-project')
    if (wrong !== undefined) project = [...projects.all()].find((p) => p.name === wrong.fault.as) ?? project
    const token = tokens.issue({ projectId: project?.id ?? '', userId, roles, methods, ...(credential === undefined ? {} : { credentialId: credential.id }) }, credential?.expiresAt)
    return { status: 201, body: tokenBody(call, token), headers: { 'x-subject-token': token.text, vary: 'X-Auth-Token' } }
  }

  const subject = (call: Call): ReturnType<Tokens['issue']> => {
    const text = call.headers['x-subject-token']
    const token = typeof text === 'string' ? tokens.check(text) : undefined
    if (token === undefined) throw refuse(404, 'Could not find token.')
    if (!isAdmin(call) && token.userId !== call.token.userId) throw notAllowed('identity:validate_token')
    return token
  }

  const projectView = (call: Call, p: ProjectRow): object => ({ id: p.id, name: p.name, domain_id: 'default', description: '', enabled: true, parent_id: 'default', is_domain: false, tags: [], options: {}, links: { self: `${call.base}/identity/v3/projects/${p.id}` } })
  const credentialView = (call: Call, c: CredentialRow, secret?: string): object => ({
    id: c.id, name: c.name, description: c.description, project_id: c.project, roles: c.roles.map((name) => ({ id: roleId(name), name, domain_id: null })), expires_at: c.expiresAt?.replace(/Z$/, '').replace(/(\.\d{3})$/, '$1000') ?? null,
    unrestricted: c.unrestricted, system: null, ...(secret === undefined ? {} : { secret }), links: { self: `${call.base}/identity/v3/users/${c.userId}/application_credentials/${c.id}` },
  })
  const ownUser = (call: Call): string => {
    const id = call.params['user']!
    if (id !== call.token.userId && !isAdmin(call)) throw notAllowed('identity:list_application_credentials')
    return id
  }
  const ownCredential = (call: Call): CredentialRow => {
    const found = credentials.get(call.params['id']!)
    if (found === undefined || found.userId !== ownUser(call)) throw refuse(404, `Could not find Application Credential: ${call.params['id']}.`)
    return found
  }
  const restricted = (call: Call, action: string): void => {
    const own = call.token.credentialId === undefined ? undefined : credentials.get(call.token.credentialId)
    if (own !== undefined && !own.unrestricted) throw notAllowed(`identity:${action}`)
  }

  const version = (call: Call): object => ({ id: 'v3.14', status: 'stable', updated: '2020-04-07T00:00:00Z', links: [{ rel: 'self', href: `${call.base}/identity/v3/` }], 'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }] })

  return {
    name: 'identity',
    error: (status, message) => error(status, message),
    open: (method, path) => path === '/' || path === '/v3' || path === '/v3/' || (method === 'POST' && path === '/v3/auth/tokens'),
    headers: () => ({ vary: 'X-Auth-Token' }),
    routes: {
      'GET /': (call) => ({ status: 300, body: { versions: { values: [version(call)] } }, headers: { location: `${call.base}/identity/v3/` } }),
      'GET /v3': (call) => ok({ version: version(call) }),
      'POST /v3/auth/tokens': issue,
      'GET /v3/auth/tokens': (call) => {
        const token = subject(call)
        return { status: 200, body: tokenBody(call, token), headers: { 'x-subject-token': token.text } }
      },
      'DELETE /v3/auth/tokens': (call) => {
        tokens.revoke(subject(call).text)
        return { status: 204 }
      },
      'GET /v3/auth/catalog': (call) => ok({ catalog: catalogue(world.settings, call.base, call.token.projectId), links: { next: null, self: `${call.base}/identity/v3/auth/catalog`, previous: null } }),
      'GET /v3/auth/projects': (call) => ok({ projects: projectOfUser(call.token.userId).map((p) => projectView(call, p)), links: { next: null, self: `${call.base}/identity/v3/auth/projects`, previous: null } }),
      'GET /v3/users/:user/projects': (call) => ok({ projects: projectOfUser(ownUser(call)).map((p) => projectView(call, p)), links: { next: null, self: `${call.base}/identity/v3/users`, previous: null } }),
      'GET /v3/projects': (call) => {
        if (!isAdmin(call)) throw notAllowed('identity:list_projects')
        const name = call.query.get('name')
        return ok({ projects: [...projects.all()].filter((p) => name === null || p.name === name).map((p) => projectView(call, p)), links: { next: null, self: `${call.base}/identity/v3/projects`, previous: null } })
      },
      'GET /v3/projects/:id': (call) => {
        const project = projects.get(call.params['id']!)
        if (project === undefined || (project.id !== call.token.projectId && !isAdmin(call))) throw isAdmin(call) ? refuse(404, `Could not find project: ${call.params['id']}.`) : notAllowed('identity:get_project')
        return ok({ project: projectView(call, project) })
      },
      'GET /v3/users/:id': (call) => {
        const owner = [...projects.all()].find((p) => p.userId === call.params['id'])
        if (owner === undefined || (owner.userId !== call.token.userId && !isAdmin(call))) throw notAllowed('identity:get_user')
        return ok({ user: { id: owner.userId, name: owner.user, domain_id: 'default', enabled: true, default_project_id: owner.id, password_expires_at: null, options: {}, links: { self: `${call.base}/identity/v3/users/${owner.userId}` } } })
      },
      'GET /v3/users/:user/application_credentials': (call) => {
        const user = ownUser(call)
        const name = call.query.get('name')
        return ok({ application_credentials: [...credentials.all()].filter((c) => c.userId === user && (name === null || c.name === name)).map((c) => credentialView(call, c)), links: { self: `${call.base}/identity/v3/users/${user}/application_credentials`, previous: null, next: null } })
      },
      'GET /v3/users/:user/application_credentials/:id': (call) => ok({ application_credential: credentialView(call, ownCredential(call)) }),
      'POST /v3/users/:user/application_credentials': (call) => {
        restricted(call, 'create_application_credential')
        const given = call.body?.application_credential
        if (typeof given?.name !== 'string') throw refuse(400, "'name' is a required property")
        const user = ownUser(call)
        if ([...credentials.all()].some((c) => c.userId === user && c.name === given.name)) throw refuse(409, `Conflict occurred attempting to store application_credential - Duplicate entry found with name ${given.name} at domain ID None.`)
        const wanted = (given.roles as { name?: string; id?: string }[] | undefined)?.map((r) => r.name ?? call.token.roles.find((n) => roleId(n) === r.id) ?? '?') ?? call.token.roles
        if (wanted.some((r) => !call.token.roles.includes(r))) throw refuse(400, 'Invalid application credential: Could not find role assignment.')
        const secret = typeof given.secret === 'string' ? given.secret : hexId() + hexId()
        const row = credentials.add({ id: hexId(), project: call.token.projectId, createdAt: world.now(), name: given.name, secret: digest(secret), userId: user, roles: wanted, expiresAt: given.expires_at == null ? null : new Date(`${String(given.expires_at).replace(/Z$/, '')}Z`).toISOString(), unrestricted: given.unrestricted === true, description: given.description ?? '' })
        return ok({ application_credential: credentialView(call, row, secret) }, 201)
      },
      'DELETE /v3/users/:user/application_credentials/:id': (call) => {
        restricted(call, 'delete_application_credential')
        credentials.remove(ownCredential(call))
        return { status: 204 }
      },
    },
  }
}
