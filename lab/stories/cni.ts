/** The lab's pod network as a manifest for a release. */
import { readFile } from 'node:fs/promises'

/** `encapsulated`: pod traffic between nodes goes through tunnels, for networks that let only node addresses pass. */
export async function cniManifest(file: string, encapsulated: boolean): Promise<string> {
  const manifest = await readFile(file, 'utf8')
  const marker = '{name: ENCAP, value: ""}'
  if (!manifest.includes(marker)) throw new Error(`${file} has no ${marker}`)
  return encapsulated ? manifest.replace(marker, '{name: ENCAP, value: ipip}') : manifest
}
