/** What commands work with, made once from flags; every effect goes through it. */
import type { HttpResources } from '../client/index.ts'
import type { SiteSpec } from '../api/site/index.ts'
import type { CredentialRequest } from '../api/access/index.ts'

/** What was found in a cloud before a site is added (wired by `server`, so that the CLI needs no driver). */
export interface Probe {
  readonly projectName: string
  readonly userName: string
  readonly roles: readonly string[]
  readonly credentialExpiresAt?: string
  readonly shape: 'tenant' | 'routed'
  readonly externalNetwork?: string
  readonly providerNetwork?: string
  readonly loadBalancer?: string
  readonly machineTypes: readonly { readonly name: string; readonly cpus: number; readonly memoryMiB: number; readonly diskGiB: number }[]
  readonly volumeTypes: readonly string[]
  readonly images: readonly { readonly name: string; readonly talosVersion: string }[]
  readonly problems: readonly string[]
}
export interface CloudEntry { readonly site: Pick<SiteSpec, 'authUrl'> & Partial<SiteSpec>; readonly credential: Omit<CredentialRequest['spec'], 'project'> }

export interface CloudPorts {
  /** Reads one entry of a clouds.yaml. */
  entry(cloud: string, file: string | undefined): Promise<CloudEntry>
  probe(entry: CloudEntry, spec: Partial<SiteSpec>): Promise<Probe>
  /** Answers the image's id. `progress` in bytes. */
  upload(entry: CloudEntry, image: { readonly name: string; readonly talosVersion: string; readonly path: string; readonly sha256: string; readonly properties: Readonly<Record<string, string>> }, progress: (done: number, total: number) => void): Promise<string>
}

/** The platform's database, reached without the platform. */
export interface DatabasePlace { readonly url: string | undefined; readonly state: string | undefined }
export interface DatabasePort {
  newEpoch(where: DatabasePlace, reason: string): Promise<{ readonly number: number; readonly ended: number; readonly base: number }>
  /** The bootstrap administrator gets its role back. false: it has it. */
  enableBootstrap(where: DatabasePlace, reason: string): Promise<boolean>
}

export interface Terminal {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  readonly isTty: boolean
  readonly colors: boolean
  readonly columns: number
}

export interface Files {
  read(path: string): Promise<string>
  /** Readable by its owner only. */
  writePrivate(path: string, text: string): Promise<void>
  /** One after another: files that do not fit into memory. `-` is standard input. */
  lines(path: string): AsyncIterable<string>
  /** Readable by its owner only; there when all are written. */
  writeLines(path: string, lines: AsyncIterable<string>): Promise<void>
}

export interface Context {
  readonly terminal: Terminal
  readonly files: Files
  readonly clouds: CloudPorts
  readonly database: DatabasePort
  /** Opened on first use: help and completion need no server. */
  resources(): HttpResources
  /** The one that is used. */
  kubeconfig(): Promise<{ readonly path: string; readonly text: string }>
  /** -n, or the kubeconfig's. */
  namespace(): string
  readonly now: () => Date
  /** Asks a yes-or-no question; false where nobody can answer. */
  confirm(question: string): Promise<boolean>
}

/** A message for people and an exit code: 1 failed, 2 usage, 3 not found, 4 refused by the server, 5 not reached, 6 took too long. */
export type CliError = Error & { readonly exitCode: number }
export const cliError = (message: string, exitCode = 1): CliError => Object.assign(new Error(message), { exitCode })
