/** Reads a kubeconfig into what the client needs. What is not understood is refused, not skipped. */
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import type { HttpOptions } from './transport.ts'

interface Named<T> { readonly name: string; readonly value: T }
type ClusterEntry = { readonly server?: string; readonly 'certificate-authority'?: string; readonly 'certificate-authority-data'?: string; readonly 'tls-server-name'?: string; readonly 'insecure-skip-tls-verify'?: boolean; readonly 'proxy-url'?: string }
type UserEntry = { readonly 'client-certificate'?: string; readonly 'client-certificate-data'?: string; readonly 'client-key'?: string; readonly 'client-key-data'?: string; readonly token?: string; readonly tokenFile?: string; readonly exec?: unknown; readonly 'auth-provider'?: unknown; readonly username?: string }

export interface KubeconfigContext {
  readonly name: string
  readonly namespace: string | undefined
  readonly options: HttpOptions
}

const entries = <T>(list: unknown, field: string): readonly Named<T>[] => (Array.isArray(list) ? list : []).map((e) => ({ name: String((e as { name?: unknown }).name ?? ''), value: ((e as Record<string, unknown>)[field] ?? {}) as T }))
const find = <T>(list: readonly Named<T>[], name: string, what: string, path: string): T => {
  const found = list.find((e) => e.name === name)
  if (found === undefined) throw new Error(`${path}: there is no ${what} "${name}"`)
  return found.value
}

/** `readFile` reads text by absolute path; relative paths in the file are relative to it. */
export const readKubeconfig = (path: string, readFile: (path: string) => string, contextName?: string): KubeconfigContext => {
  const file = (parse(readFile(path)) ?? {}) as Record<string, unknown>
  const name = contextName ?? (typeof file['current-context'] === 'string' && file['current-context'] !== '' ? file['current-context'] : undefined)
  if (name === undefined) throw new Error(`${path}: it has no current-context; name one with --context`)
  const context = find(entries<{ cluster?: string; user?: string; namespace?: string }>(file['contexts'], 'context'), name, 'context', path)
  const cluster = find(entries<ClusterEntry>(file['clusters'], 'cluster'), context.cluster ?? '', 'cluster', path)
  const user: UserEntry = context.user === undefined || context.user === '' ? {} : find(entries<UserEntry>(file['users'], 'user'), context.user, 'user', path)
  if (cluster.server === undefined) throw new Error(`${path}: cluster "${context.cluster}" has no server`)
  for (const [field, given] of [['insecure-skip-tls-verify', cluster['insecure-skip-tls-verify']], ['proxy-url', cluster['proxy-url']], ['exec', user.exec], ['auth-provider', user['auth-provider']], ['username', user.username]] as const)
    if (given !== undefined && given !== false) throw new Error(`${path}: "${field}" is not supported by skerry; use a client certificate or a token`)

  const pem = (data: string | undefined, from: string | undefined): string | undefined =>
    data !== undefined ? Buffer.from(data, 'base64').toString('utf8') : from !== undefined ? readFile(resolve(dirname(path), from)) : undefined
  const ca = pem(cluster['certificate-authority-data'], cluster['certificate-authority'])
  const cert = pem(user['client-certificate-data'], user['client-certificate'])
  const key = pem(user['client-key-data'], user['client-key'])
  const token = user.token ?? (user.tokenFile === undefined ? undefined : readFile(resolve(dirname(path), user.tokenFile)).trim())
  return {
    name, namespace: context.namespace,
    options: { server: cluster.server, ...(token !== undefined && { token }), tls: { ca, cert, key, serverName: cluster['tls-server-name'] } },
  }
}
