/** The running lab as a story sees it: an OpenStack project of its own, what is in it, and the tools for a cluster. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { project } from '../project.ts'

const run = promisify(execFile)

/** Names of what an OpenStack project holds, by type. */
export type Holdings = Readonly<Record<string, readonly string[]>>

export interface Bed {
  /** Of the cloud `cloud`, with a project of this story only. */
  readonly cloudsFile: string
  readonly cloud: string
  readonly kubectl: string
  readonly talosctl: string
  /** The `openstack` command as the project's user; `input` is its standard input. */
  openstack(args: readonly string[], input?: Buffer): Promise<string>
  holdings(): Promise<Holdings>
  /** Deletes whatever the project holds, however it came there, and the project; for stories that broke off. */
  clear(): Promise<void>
}

/** `name`: the story's; it is also its project's and its user's. `labDir`: state of the OpenStack lab. `talosDir`: what lab/talos/build.sh made. */
export async function openBed({ name, enter, labDir, talosDir, workDir }: { readonly name: string; readonly enter: string; readonly labDir: string; readonly talosDir: string; readonly workDir: string }): Promise<Bed> {
  const inLab = <T>(verb: 'ensure' | 'hold' | 'clear'): Promise<T> => project(enter, `story-${name}`, verb)
  const [kubectl, talosctl] = [join(talosDir, 'sid/usr/bin/kubectl'), join(talosDir, 'bin/talosctl')]
  for (const tool of [kubectl, talosctl]) if (!existsSync(tool)) throw new Error(`no ${tool}: ./dev lab up`)
  await inLab('ensure')
  const cloud = `story-${name}`
  const cloudsFile = join(workDir, 'clouds.yaml')
  const lab = await readFile(join(labDir, 'clouds.yaml'), 'utf8')
  const entry = /^ {2}lab-demo:\n((?: {4}.*\n)+)/m.exec(lab)?.[1]
  if (entry === undefined) throw new Error(`${labDir}/clouds.yaml has no cloud lab-demo`)
  await writeFile(cloudsFile, `${lab}  ${cloud}:\n${entry.replace('username: demo', `username: ${cloud}`).replace('project_name: demo', `project_name: ${cloud}`)}`, { mode: 0o600 })
  const openstack = async (args: readonly string[], input?: Buffer): Promise<string> => {
    const user = ['--os-cloud', 'lab-demo', '--os-username', cloud, '--os-project-name', cloud]
    // Through `cat`, because a socket cannot be opened as /dev/stdin.
    const promise = run(enter, [...(input === undefined ? ['openstack'] : ['sh', '-c', 'cat | openstack "$@"', 'sh']), ...user, ...args], { timeout: 300_000, maxBuffer: 16 << 20 })
    if (input !== undefined) promise.child.stdin?.end(input)
    return (await promise).stdout
  }
  return { cloudsFile, cloud, kubectl, talosctl, openstack, holdings: () => inLab('hold'), clear: async () => {
    const left = await inLab<Holdings>('clear')
    if (Object.keys(left).length > 0) throw new Error(`cannot clear ${cloud}: ${JSON.stringify(left)}`)
  } }
}
