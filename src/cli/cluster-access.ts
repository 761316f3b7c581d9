/** skerry cluster kubeconfig, talosconfig: a key made here, a certificate for hours from the platform (rule T8). */
import type { Command } from 'commander'
import { stringify } from 'yaml'
import { Cluster, Machine } from '../api/index.ts'
import type { AccessAnswer } from '../api/access/index.ts'
import { cliError, type Context } from './context.ts'
import { newKeyAndRequest } from './csr.ts'
import { integer } from './options.ts'

const longestSeconds = 8 * 3600
const seconds = (text: string): number => {
  const n = integer(text)
  if (n < 300 || n > longestSeconds) throw cliError(`--ttl ${text}: from 300 to ${longestSeconds} seconds`, 2)
  return n
}
const roles = ['os:reader', 'os:operator'] as const
const role = (text: string): string => {
  if (!(roles as readonly string[]).includes(text)) throw cliError(`--role ${text}: ${roles.join(' or ')}`, 2)
  return text
}
const base64 = (text: string): string => Buffer.from(text).toString('base64')

type User = Readonly<Record<string, unknown>>
/** One context for each address: kubectl does not fail over by itself. */
const kubeconfigOf = (name: string, a: AccessAnswer, user: User): string => {
  const contexts = a.servers.map((server, i) => ({ server, id: a.servers.length === 1 ? name : `${name}-${i}` }))
  return stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': contexts[0]!.id,
    clusters: contexts.map((c) => ({ name: c.id, cluster: { server: c.server, 'tls-server-name': a.serverName, 'certificate-authority-data': base64(a.ca) } })),
    users: [{ name, user }],
    contexts: contexts.map((c) => ({ name: c.id, context: { cluster: c.id, user: name } })),
  })
}
export const kubeconfigFor = (name: string, a: AccessAnswer, key: string): string => kubeconfigOf(name, a, { 'client-certificate-data': base64(a.certificate), 'client-key-data': base64(key) })

/** The command line is the plugin: kubectl runs it for each new certificate, and the file itself holds none. */
const execKubeconfigFor = (name: string, namespace: string, a: AccessAnswer, ttl: number): string => kubeconfigOf(name, a, { exec: {
  apiVersion: 'client.authentication.k8s.io/v1', command: 'skerry', args: ['cluster', 'kubeconfig', name, '--namespace', namespace, '--ttl', String(ttl), '--exec-credential'], interactiveMode: 'Never', provideClusterInfo: false,
  installHint: 'skerry signs certificates for this cluster; put it on your PATH.',
} })

const execCredential = (a: AccessAnswer, key: string): string => JSON.stringify({
  apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { clientCertificateData: a.certificate, clientKeyData: key, expirationTimestamp: a.expiresAt },
})

const request = async (context: Context, name: string, what: 'kubeconfig' | 'talosconfig', spec: object): Promise<{ readonly answer: AccessAnswer; readonly key: string }> => {
  const { key, csr } = await newKeyAndRequest(what === 'kubeconfig' ? 'P-256' : 'Ed25519')
  const kind = what === 'kubeconfig' ? 'KubeconfigRequest' : 'TalosconfigRequest'
  const { status } = (await context.resources().post(Cluster, { namespace: context.namespace(), name }, what, { apiVersion: 'skerry.dev/v1alpha1', kind, spec: { csr, ...spec } })) as { status: AccessAnswer }
  return { answer: status, key }
}

/** To a file that only its owner can read, or to standard output. */
export const deliver = async (context: Context, path: string | undefined, text: string): Promise<void> => {
  if (path === undefined || path === '-') { context.terminal.out(text.trimEnd()); return }
  await context.files.writePrivate(path, text)
  context.terminal.err(`written to ${path}, readable by you only`)
}

const talosconfigFor = async (context: Context, name: string, a: AccessAnswer, key: string): Promise<string> => {
  const { items } = await context.resources().list(Machine, { namespace: context.namespace(), fieldSelector: `spec.cluster=${name}` })
  const nodes = items.map((m) => m.status?.address).filter((address) => address !== undefined)
  // Talos names Ed25519 keys in its own way.
  const talosKey = key.replaceAll('PRIVATE KEY', 'ED25519 PRIVATE KEY')
  return stringify({ context: name, contexts: { [name]: { endpoints: a.servers, nodes, ca: base64(a.ca), crt: base64(a.certificate), key: base64(talosKey) } } })
}

export const addClusterAccess = (cluster: Command, context: Context): void => {
  cluster.command('kubeconfig').argument('<name>').description('a kubeconfig for hours; the key is made here and stays here')
    .option('--output <file>', 'where to; - is standard output')
    .option('--ttl <seconds>', `at most ${longestSeconds}`, seconds, longestSeconds)
    .option('--exec', 'write a kubeconfig that holds no key and asks this command for one when it is used')
    .option('--exec-credential', 'answer as an exec credential plugin does')
    .action(async (name: string, o: { output?: string; ttl: number; exec?: boolean; execCredential?: boolean }) => {
      const { answer, key } = await request(context, name, 'kubeconfig', { expirationSeconds: o.ttl })
      if (o.execCredential === true) { context.terminal.out(execCredential(answer, key)); return }
      if (answer.servers.length > 1) context.terminal.err(`one context for each of ${answer.servers.length} addresses: kubectl does not fail over by itself`)
      await deliver(context, o.output, o.exec === true ? execKubeconfigFor(name, context.namespace(), answer, o.ttl) : kubeconfigFor(name, answer, key))
    })
  cluster.command('talosconfig').argument('<name>').description('a talosconfig for hours')
    .option('--output <file>', 'where to; - is standard output')
    .option('--ttl <seconds>', `at most ${longestSeconds}`, seconds, longestSeconds)
    .option('--role <role>', roles.join(' or '), role, 'os:reader')
    .action(async (name: string, o: { output?: string; ttl: number; role: string }) => {
      const { answer, key } = await request(context, name, 'talosconfig', { expirationSeconds: o.ttl, role: o.role })
      await deliver(context, o.output, await talosconfigFor(context, name, answer, key))
    })
}
