/** Every generated file but protobuf's: its path and the text that it must have. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { layersTable, withTable } from './architecture/layers-table.ts'
import { lawOf } from './layers/law.ts'
import { apiPage } from './reference/api.ts'
import { cliPage } from './reference/cli.ts'
import { conditionsPage } from './reference/conditions.ts'
import { crdsPage } from './reference/crds.ts'
import { kindsPage } from './reference/kinds.ts'

export const generated = (root: string): ReadonlyMap<string, string> => {
  const read = (file: string): string => readFileSync(join(root, file), 'utf8')
  return new Map([
    ['ARCHITECTURE.md', withTable(read('ARCHITECTURE.md'), layersTable(lawOf(read('layers.json'))))],
    ['docs/reference/api.md', apiPage()],
    ['docs/reference/cli.md', cliPage()],
    ['docs/reference/conditions.md', conditionsPage()],
    ['docs/reference/crds.yaml', crdsPage()],
    ['docs/reference/kinds.md', kindsPage()],
  ])
}
