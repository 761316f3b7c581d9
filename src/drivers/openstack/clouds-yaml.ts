/** Reads an entry of clouds.yaml, with secure.yaml over it, as openstacksdk does. Files and certificates are read by the caller. */
import { parse } from 'yaml'
import { z } from 'zod'
import type { Interface } from './transport/catalogue.ts'
import type { Auth } from './transport/token.ts'

export interface CloudsEntry {
  readonly auth: Auth
  readonly region?: string
  readonly interface?: Interface
  /** A path, for the caller to read. */
  readonly caCertificatePath?: string
  /** false: the file asks for connections that nobody checks, which Skerry does not make. */
  readonly verify: boolean
}

const authSchema = z.object({
  auth_url: z.string().min(1),
  application_credential_id: z.string().optional(), application_credential_secret: z.string().optional(),
  username: z.string().optional(), password: z.union([z.string(), z.number().transform(String)]).optional(),
  project_id: z.string().optional(), project_name: z.string().optional(), tenant_name: z.string().optional(),
  user_domain_name: z.string().optional(), user_domain_id: z.string().optional(), project_domain_name: z.string().optional(), project_domain_id: z.string().optional(), domain_name: z.string().optional(),
})
const entrySchema = z.object({
  auth: authSchema, auth_type: z.string().optional(), region_name: z.string().optional(), regions: z.array(z.union([z.string(), z.object({ name: z.string() })])).optional(),
  interface: z.enum(['public', 'internal']).optional(), endpoint_type: z.string().optional(), cacert: z.string().optional(), verify: z.boolean().optional(),
})

type Tree = Readonly<Record<string, unknown>>
const isTree = (v: unknown): v is Tree => typeof v === 'object' && v !== null && !Array.isArray(v)
const merge = (a: unknown, b: unknown): unknown => (isTree(a) && isTree(b) ? Object.fromEntries([...new Set([...Object.keys(a), ...Object.keys(b)])].map((k) => [k, k in b ? merge(a[k], b[k]) : a[k]])) : b ?? a)

const cloudsOf = (yaml: string, what: string): Tree => {
  let root: unknown
  // The parser's message would quote the line, which may hold a password.
  try { root = parse(yaml) } catch { throw new Error(`${what} is not YAML`) }
  const clouds = isTree(root) ? root['clouds'] : undefined
  return isTree(clouds) ? clouds : {}
}

/** `source` names the file in errors, which say what is wrong and hold no value. */
export const readCloudsYaml = (name: string, cloudsYaml: string, secureYaml?: string, source = 'clouds.yaml'): CloudsEntry => {
  const clouds = cloudsOf(cloudsYaml, source)
  if (!(name in clouds)) throw new Error(`${source} has no cloud ${name}; it has ${Object.keys(clouds).join(', ') || 'none'}`)
  const secure = secureYaml === undefined ? undefined : cloudsOf(secureYaml, 'secure.yaml')[name]
  const parsed = entrySchema.safeParse(merge(clouds[name], secure))
  if (!parsed.success) throw new Error(`${source}: cloud ${name}: ${parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; ')}`)
  const e = parsed.data
  const a = e.auth
  const type = e.auth_type ?? (a.application_credential_id !== undefined ? 'v3applicationcredential' : 'password')
  const missing = (field: string): Error => new Error(`${source}: cloud ${name}: auth.${field} is missing`)
  let auth: Auth
  if (type === 'v3applicationcredential') {
    if (a.application_credential_id === undefined) throw missing('application_credential_id')
    if (a.application_credential_secret === undefined) throw missing('application_credential_secret')
    auth = { authUrl: a.auth_url, applicationCredential: { id: a.application_credential_id, secret: a.application_credential_secret } }
  } else if (type === 'password' || type === 'v3password') {
    if (a.username === undefined) throw missing('username')
    if (a.password === undefined) throw missing('password')
    const projectName = a.project_name ?? a.tenant_name
    if (a.project_id === undefined && projectName === undefined) throw missing('project_name')
    const userDomain = a.user_domain_name ?? a.user_domain_id ?? a.domain_name
    const projectDomain = a.project_domain_name ?? a.project_domain_id ?? a.domain_name
    auth = { authUrl: a.auth_url, password: {
      username: a.username, password: a.password, ...(userDomain !== undefined && { userDomainName: userDomain }),
      ...(a.project_id !== undefined ? { projectId: a.project_id } : { projectName: projectName!, ...(projectDomain !== undefined && { projectDomainName: projectDomain }) }),
    } }
  } else throw new Error(`${source}: cloud ${name}: auth_type ${type} is not one that Skerry speaks (v3applicationcredential, v3password)`)
  const region = e.region_name ?? (typeof e.regions?.[0] === 'string' ? e.regions[0] : e.regions?.[0]?.name)
  const kind = e.interface ?? (/^(public|internal)/.exec(e.endpoint_type ?? '')?.[1] as Interface | undefined)
  return { auth, ...(region !== undefined && { region }), ...(kind !== undefined && { interface: kind }), ...(e.cacert !== undefined && { caCertificatePath: e.cacert }), verify: e.verify ?? true }
}
