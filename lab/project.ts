/** An OpenStack project in the lab that one test has for itself; lab/openstack/project.py does it, with the administrator's rights. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type Quotas = Readonly<Partial<Record<'compute' | 'volume' | 'network' | 'load_balancer', Readonly<Record<string, number>>>>>

/** `enter`: the script that runs a command inside the lab. The project's user has its name and the password `labpw`. */
export async function project<T>(enter: string, name: string, verb: 'ensure' | 'hold' | 'clear', quotas: Quotas = {}): Promise<T> {
  const script = await readFile(join(import.meta.dirname, 'openstack/project.py'), 'utf8')
  const { stdout } = await run(enter, ['python3', '-c', script, name, verb, JSON.stringify(quotas)], { timeout: 600_000 })
  return JSON.parse(stdout) as T
}
