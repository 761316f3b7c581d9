/** Finds an unmodified kubectl that is new enough; the system's may be older. */
import { execFileSync } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'

const wanted = { major: 1, minor: 36 } as const

const versionOf = (binary: string): string | undefined => {
  try {
    return (JSON.parse(execFileSync(binary, ['version', '--client', '-o', 'json'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as { clientVersion: { gitVersion: string } }).clientVersion.gitVersion
  } catch {
    return undefined
  }
}
const isNewEnough = (version: string): boolean => {
  const m = /^v(\d+)\.(\d+)/.exec(version)
  return m !== null && (Number(m[1]) > wanted.major || (Number(m[1]) === wanted.major && Number(m[2]) >= wanted.minor))
}

export type Found = { readonly kind: 'found'; readonly binary: string; readonly version: string } | { readonly kind: 'missing'; readonly why: string }

export const findKubectl = (named: string | undefined): Found => {
  const places = named === undefined ? [join(homedir(), '.cache/skerry/kubectl-1.36/bin/kubectl'), 'kubectl'] : [named]
  const seen = places.map((binary) => ({ binary, version: versionOf(binary) }))
  for (const { binary, version } of seen) if (version !== undefined && isNewEnough(version)) return { kind: 'found', binary, version }
  return { kind: 'missing', why: `no kubectl >= ${wanted.major}.${wanted.minor} found (${seen.map((s) => `${s.binary}: ${s.version ?? 'not there'}`).join(', ')}); e2e/kubectl/README.md says where to get one` }
}
