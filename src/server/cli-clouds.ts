/** What the command line does with a cloud before the platform knows it: read clouds.yaml, look around, upload an image. */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { request } from 'undici'
import type { z } from 'zod'
import { Site } from '../api/index.ts'
import type { SiteSpec } from '../api/site/index.ts'
import { cliError, type CloudEntry, type CloudPorts } from '../cli/context.ts'
import { discover } from '../controllers/site/discover.ts'
import { readCloudsYaml } from '../drivers/openstack/clouds-yaml.ts'
import { openCloud } from '../drivers/openstack/index.ts'

const candidates = (env: NodeJS.ProcessEnv, home: string): readonly string[] => [env['OS_CLIENT_CONFIG_FILE'], join(process.cwd(), 'clouds.yaml'), join(home, '.config/openstack/clouds.yaml'), '/etc/openstack/clouds.yaml'].filter((p) => p !== undefined)

const open = (entry: CloudEntry) => openCloud({ auth: { authUrl: entry.site.authUrl, ...entry.credential }, region: entry.site.region, interface: entry.site.interface, caCertificate: entry.site.caCertificate })

/** sha256 of a file, as it is read for the upload too: what was verified is what is sent. */
const sumOf = async (path: string): Promise<string> => {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

const fetchTo = async (url: string, folder: string): Promise<string> => {
  const answer = await request(url)
  if (answer.statusCode !== 200) throw cliError(`${url} answers ${answer.statusCode}`)
  const path = join(folder, 'image')
  await writeFile(path, answer.body)
  return path
}

export const cloudPorts = (env: NodeJS.ProcessEnv, home: string): CloudPorts => ({
  async entry(cloud, file) {
    const path = file ?? candidates(env, home).find((p) => existsSync(p))
    if (path === undefined || !existsSync(path)) throw cliError(`no clouds.yaml (looked for ${(file === undefined ? candidates(env, home) : [file]).join(', ')})`, 2)
    const secure = join(dirname(path), 'secure.yaml')
    const e = readCloudsYaml(cloud, readFileSync(path, 'utf8'), existsSync(secure) ? readFileSync(secure, 'utf8') : undefined, path)
    const { applicationCredential, password } = e.auth
    return {
      site: {
        authUrl: e.auth.authUrl, ...(e.region !== undefined && { region: e.region }), ...(e.interface !== undefined && { interface: e.interface }),
        ...(e.caCertificatePath !== undefined && { caCertificate: readFileSync(resolve(dirname(path), e.caCertificatePath), 'utf8') }),
      },
      credential: { ...(applicationCredential !== undefined && { applicationCredential }), ...(password !== undefined && { password: password as never }) },
    }
  },
  async probe(entry, spec) {
    const cloud = await open(entry)
    const { projectId } = await cloud.identity.describe()
    const whole = (Site.spec as z.ZodType<SiteSpec>).parse({ ...entry.site, ...spec })
    const { found, flavors, problems } = await discover({ site: '', cloud, projectId }, whole)
    return {
      projectName: found.projectName, userName: found.userName, roles: found.roles, ...(found.credentialExpiresAt !== undefined && { credentialExpiresAt: found.credentialExpiresAt }), shape: found.shape,
      ...(found.externalNetwork !== undefined && { externalNetwork: found.externalNetwork.name }), ...(found.providerNetwork !== undefined && { providerNetwork: found.providerNetwork.name }),
      ...(found.loadBalancer !== undefined && { loadBalancer: `${found.loadBalancer.provider}${found.loadBalancer.allowedCIDRs ? '' : found.loadBalancer.keepsSource === true ? ' (allow-lists are kept by security groups)' : ' (cannot keep strangers out: clusters need endpoints on the nodes)'}` }),
      machineTypes: flavors.map((f) => ({ name: f.name, cpus: f.vcpus, memoryMiB: f.ramMiB, diskGiB: f.diskGiB })).toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })),
      volumeTypes: found.volumeTypes, images: found.images, problems: problems.map((p) => p.message),
    }
  },
  async upload(entry, image, progress) {
    const folder = await mkdtemp(join(tmpdir(), 'skerry-image-'))
    try {
      const path = /^https?:\/\//.test(image.path) ? await fetchTo(image.path, folder) : image.path
      if (!existsSync(path)) throw cliError(`there is no file ${path}`, 2)
      if (/\.(xz|gz|zst)$/.test(path)) throw cliError(`${path} is packed; unpack it and give the raw disk and its sum`, 2)
      const sum = await sumOf(path)
      if (sum !== image.sha256) throw cliError(`the file's sha256 is ${sum}, not ${image.sha256}; nothing was uploaded`)
      const cloud = await open(entry)
      const same = (await cloud.image.list()).find((i) => i.properties['skerry_sha256'] === sum && i.status === 'active')
      if (same !== undefined) return same.id
      const { size } = await stat(path)
      const id = randomUUID()
      await cloud.image.create(id, { name: image.name, minDiskGiB: Math.ceil(size / (1 << 30)), properties: { os_distro: 'talos', os_version: image.talosVersion, skerry_sha256: sum, hw_disk_bus: 'virtio', hw_rng_model: 'virtio', ...image.properties } })
      let done = 0
      const counted = async function* (): AsyncGenerator<Uint8Array> { for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) { done += (chunk as Buffer).length; progress(done, size); yield chunk as Buffer } }
      try { await cloud.image.upload(id, counted() as never) } catch (error) { await cloud.image.delete(id); throw error }
      return id
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  },
})
