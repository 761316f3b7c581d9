/** `./dev gen`: writes every generated file anew: messages from .proto files, the table of layers, the reference. Prints what changed. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generated } from './generated.ts'

const root = join(import.meta.dirname, '..')
execFileSync('sh', [join(root, 'src/drivers/talos/proto/generate.sh')], { stdio: 'inherit' })
for (const [file, text] of generated(root)) {
  const path = join(root, file)
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue
  writeFileSync(path, text)
  console.log(`wrote ${file}`)
}
