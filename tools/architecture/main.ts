/** `node tools/architecture/main.ts`: writes the table of layers into ARCHITECTURE.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { lawOf } from '../layers/law.ts'
import { layersTable, withTable } from './layers-table.ts'

writeFileSync('ARCHITECTURE.md', withTable(readFileSync('ARCHITECTURE.md', 'utf8'), layersTable(lawOf(readFileSync('layers.json', 'utf8')))))
