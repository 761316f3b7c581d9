/** skerry site image …: Talos disk images, verified before they are uploaded. */
import type { Command } from 'commander'
import { cliError, type Context } from './context.ts'
import { list, pairs } from './options.ts'

interface ImageOptions { readonly talos: string; readonly sha256: string; readonly osCloud?: string; readonly cloudsFile?: string; readonly name?: string; readonly property?: readonly string[] }

const sum = (text: string): string => {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) throw cliError(`--sha256 ${text}: 64 hexadecimal digits`, 2)
  return text.toLowerCase()
}
const talosVersion = (text: string): string => {
  if (!/^v\d+\.\d+\.\d+/.test(text)) throw cliError(`--talos ${text}: a version like v1.13.9`, 2)
  return text
}

const addImage = async (context: Context, siteName: string, path: string, o: ImageOptions): Promise<void> => {
  const { terminal } = context
  const properties = pairs('--property', o.property)
  const entry = await context.clouds.entry(o.osCloud ?? siteName, o.cloudsFile)
  let said = -1
  const id = await context.clouds.upload(entry, { name: o.name ?? `talos-${o.talos}`, talosVersion: o.talos, path, sha256: o.sha256, properties }, (done, total) => {
    const percent = total === 0 ? 0 : Math.floor((done / total) * 100)
    if (percent === said || !(terminal.isTty || percent % 25 === 0)) return
    terminal.err(`${terminal.isTty && said >= 0 ? '\u001b[1A\u001b[K' : ''}uploaded ${percent} %`)
    said = percent
  })
  terminal.err(`image ${id} is in the cloud; the site sees it within a minute`)
}

export const addSiteImages = (site: Command, context: Context): void => {
  const image = site.command('image').description('Talos images of a site')
  image.command('add').argument('<site>').argument('<file-or-url>').description('upload a Talos disk image after its checksum was verified')
    .requiredOption('--talos <version>', 'e.g. v1.13.9', talosVersion)
    .requiredOption('--sha256 <sum>', 'of the file', sum)
    .option('--os-cloud <cloud>', 'entry of clouds.yaml; the site\'s name when absent')
    .option('--clouds-file <file>', 'instead of the usual clouds.yaml')
    .option('--name <name>', 'of the image')
    .option('--property <key=value>', 'more image properties; may stand several times', list)
    .action((name: string, path: string, o: ImageOptions) => addImage(context, name, path, o))
}
