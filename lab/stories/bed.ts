/** The running lab as a story sees it: an OpenStack project of its own, what is in it, and the tools for a cluster. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

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

const sdk = `
import json, sys, time, openstack
name, verb = sys.argv[1:]
adm = openstack.connect(cloud='lab-admin'); i = adm.identity
def project():
    p = i.find_project(name) or i.create_project(name=name, domain_id='default')
    u = i.find_user(name) or i.create_user(name=name, domain_id='default', password='labpw', default_project_id=p.id)
    for r in ('member', 'load-balancer_member'): i.assign_project_role_to_user(p.id, u.id, i.find_role(r).id)
    return p
p = project()
a = dict(adm.config.config['auth']); a.update(username=name, password='labpw', project_name=name)
c = openstack.connect(auth=a, region_name='RegionOne', identity_api_version='3'); n = c.network
def of(items): return [x for x in items if (x.project_id or p.id) == p.id]
def hold():
    return {k: v for k, v in {
        'server': [s.name for s in c.compute.servers()], 'server group': [g.name for g in c.compute.server_groups()],
        'load balancer': [b.name for b in c.load_balancer.load_balancers()], 'floating ip': [f.floating_ip_address for f in of(n.ips(project_id=p.id))],
        'port': [f'{x.name or x.id} ({x.device_owner})' for x in of(n.ports(project_id=p.id)) if x.device_owner != 'network:distributed'],
        'router': [x.name for x in of(n.routers(project_id=p.id))], 'network': [x.name for x in of(n.networks(project_id=p.id))],
        'security group': [g.name for g in of(n.security_groups(project_id=p.id)) if g.name != 'default'],
        'volume': [v.name for v in c.block_storage.volumes()]}.items() if v}
def until(f):
    for _ in range(120):
        if f(): return
        time.sleep(1)
def clear():
    for f in n.ips(project_id=p.id): n.delete_ip(f)
    for b in c.load_balancer.load_balancers(): c.load_balancer.delete_load_balancer(b.id, cascade=True)
    for s in c.compute.servers(): c.compute.delete_server(s.id)
    until(lambda: not list(c.compute.servers()) and not list(c.load_balancer.load_balancers()))
    for g in c.compute.server_groups(): c.compute.delete_server_group(g.id)
    for r in n.routers(project_id=p.id):
        for x in n.ports(device_id=r.id):
            if x.device_owner == 'network:router_interface': n.remove_interface_from_router(r, port_id=x.id)
        n.delete_router(r.id)
    for x in n.ports(project_id=p.id):
        if x.device_owner != 'network:distributed': n.delete_port(x.id, ignore_missing=True)
    for x in n.networks(project_id=p.id): n.delete_network(x.id)
    for g in n.security_groups(project_id=p.id):
        if g.name != 'default': n.delete_security_group(g.id)
    for v in c.block_storage.volumes(): c.block_storage.delete_volume(v.id)
    until(lambda: not hold())
    left = hold()
    if not left: i.delete_user(name_id()); i.delete_project(p.id)
    return left
def name_id(): return i.find_user(name).id
print(json.dumps({'ensure': lambda: None, 'hold': hold, 'clear': clear}[verb]()))
`

/** `name`: the story's; it is also its project's and its user's. `labDir`: state of the OpenStack lab. `talosDir`: what lab/talos/build.sh made. */
export async function openBed({ name, enter, labDir, talosDir, workDir }: { readonly name: string; readonly enter: string; readonly labDir: string; readonly talosDir: string; readonly workDir: string }): Promise<Bed> {
  const inLab = async <T>(verb: string): Promise<T> => {
    const { stdout } = await run(enter, ['python3', '-c', sdk, `story-${name}`, verb], { timeout: 300_000 })
    return JSON.parse(stdout) as T
  }
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
