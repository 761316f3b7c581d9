/** Files of the state folder: written whole or not at all, readable by their owner only. */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

export const layout = (state: string) => ({
  pki: join(state, 'pki'), kubeconfig: join(state, 'kubeconfig'), siteKubeconfig: join(state, 'pki', 'site.kubeconfig'), siteKey: join(state, 'pki', 'site.key'), auditKey: join(state, 'pki', 'audit.key'), auditPublicKey: join(state, 'audit.pub'), auditCheckpoint: join(state, 'audit.checkpoint'), installation: join(state, 'installation'),
  logs: join(state, 'logs'), clusters: join(state, 'clusters'), postgres: join(state, 'postgres'), database: join(state, 'database.json'), pid: join(state, 'serve.pid'), api: join(state, 'api.json'),
  simulators: join(state, 'simulators.json'), clouds: join(state, 'clouds.yaml'), simulatorState: join(state, 'simulators'),
})

export const writePrivate = async (path: string, content: string | Buffer): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const next = `${path}.${randomBytes(4).toString('hex')}`
  await writeFile(next, content, { mode: 0o600 })
  await rename(next, path)
}

/** As `writePrivate`, of more than fits into memory; on the disk when it resolves. */
export const writeLines = async (path: string, lines: AsyncIterable<string>): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const next = `${path}.${randomBytes(4).toString('hex')}`
  const file = await open(next, 'wx', 0o600)
  try {
    let text = ''
    for await (const line of lines) {
      text += `${line}\n`
      if (text.length > 1 << 20) { await file.write(text); text = '' }
    }
    await file.write(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(next, path)
}

export async function* linesIn(path: string): AsyncGenerator<string> {
  const file = await open(path)
  try { yield* file.readLines() } finally { await file.close() }
}

/** The file's content; when there is none, what `make` gives is written and answered. */
export const readOrMake = async (path: string, make: () => Promise<string | Buffer> | string | Buffer): Promise<Buffer> => {
  try {
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await writePrivate(path, await make())
  return readFile(path)
}
