/** `./dev gen [NAME]`: writes generated files anew: messages from .proto files, the table of layers, the reference; with a name (`crds`) only that one. Prints what changed. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, parse } from 'node:path'
import { generated } from './generated.ts'

const root = join(import.meta.dirname, '..')
const [only] = process.argv.slice(2)
const files = [...generated(root)].filter(([file]) => only === undefined || parse(file).name === only)
if (only === undefined) execFileSync('sh', [join(root, 'src/drivers/talos/proto/generate.sh')], { stdio: 'inherit' })
else if (files.length === 0) {
  console.error(`./dev gen: nothing is called ${only}: ${[...generated(root).keys()].map((file) => parse(file).name).join(' ')}`)
  process.exit(2)
}
for (const [file, text] of files) {
  const path = join(root, file)
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue
  writeFileSync(path, text)
  console.log(`wrote ${file}`)
}
