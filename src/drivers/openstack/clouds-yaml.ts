/** clouds.yaml with secure.yaml beside it, as openstackclient reads them; what is not understood is refused. */
import { parse } from 'yaml'
import type { Auth } from './transport.ts'

export interface CloudsEntry {
  readonly auth: Auth
  readonly region?: string
  readonly interface?: 'public' | 'internal'
  readonly caCertificatePath?: string
}

const merge = (a: Record<string, any>, b: Record<string, any>): Record<string, any> => {
  const out = { ...a }
  for (const [k, v] of Object.entries(b)) out[k] = typeof v === 'object' && v !== null && !Array.isArray(v) ? merge((out[k] ?? {}) as Record<string, any>, v as Record<string, any>) : v
  return out
}

export const readCloudsYaml = (name: string, clouds: string, secure: string | undefined, source = 'clouds.yaml'): CloudsEntry => {
  const all = merge((parse(clouds) ?? {}) as Record<string, any>, secure === undefined ? {} : ((parse(secure) ?? {}) as Record<string, any>))['clouds'] as Record<string, any> | undefined
  const c = all?.[name]
  if (c === undefined) throw new Error(`${source} has no cloud ${name}; it has ${Object.keys(all ?? {}).join(', ') || 'none'}`)
  const auth = (c.auth ?? {}) as Record<string, string | undefined>
  const authUrl = auth['auth_url']
  if (authUrl === undefined) throw new Error(`${source}: cloud ${name} has no auth.auth_url`)
  const type = String(c.auth_type ?? (auth['application_credential_id'] !== undefined ? 'v3applicationcredential' : 'password'))
  const rest = {
    ...(c.region_name !== undefined && { region: String(c.region_name) }), ...(c.interface === 'internal' && { interface: 'internal' as const }), ...(c.cacert !== undefined && { caCertificatePath: String(c.cacert) }),
  }
  if (type === 'v3applicationcredential') {
    const { application_credential_id: id, application_credential_secret: secret } = auth
    if (id === undefined || secret === undefined) throw new Error(`${source}: cloud ${name} needs application_credential_id and application_credential_secret (by name is not supported)`)
    return { auth: { authUrl, applicationCredential: { id, secret } }, ...rest }
  }
  if (type !== 'password' && type !== 'v3password') throw new Error(`${source}: cloud ${name}: auth_type ${type} is not supported; v3applicationcredential or v3password`)
  const { username, password } = auth
  if (username === undefined || password === undefined) throw new Error(`${source}: cloud ${name} needs auth.username and auth.password`)
  return {
    auth: { authUrl, password: {
      username, password, userDomainName: auth['user_domain_name'] ?? 'Default', projectDomainName: auth['project_domain_name'] ?? 'Default',
      ...(auth['project_id'] !== undefined ? { projectId: auth['project_id'] } : { projectName: auth['project_name'] }),
    } }, ...rest,
  }
}
