import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lawOf } from '../layers/law.ts'
import { layersTable, tableIn, withTable } from './layers-table.ts'
import { goneIn, pathsIn } from './paths.ts'

const root = join(import.meta.dirname, '../..')
const tops = ['src', 'testkit', 'e2e', 'lab', 'bench', 'tools', 'deploy', 'docs', 'console']
const law = lawOf(JSON.stringify({ layers: [{ name: 'a', path: 'src/a', may: [], says: 'One.' }, { name: 'b', path: 'src/b', may: ['a'], types: ['c'], says: 'Two.' }, { name: 'c', path: 'src/c', may: ['*'], says: 'Three.' }] }))

test('the table has a row for each layer, in order', () => {
  expect(layersTable(law).split('\n').slice(2)).toEqual(['| 1 | `src/a` | One. | nothing |', '| 2 | `src/b` | Two. | a, c (types) |', '| 3 | `src/c` | Three. | everything |'])
})

test('a table is written between its marks and read back; a page without marks is refused', () => {
  const page = withTable('x\n<!-- layers.json -->\nold\n<!-- end -->\ny', layersTable(law))
  expect(tableIn(page)).toBe(layersTable(law))
  expect([page.startsWith('x\n'), page.endsWith('\ny')]).toEqual([true, true])
  expect(tableIn('none')).toBeUndefined()
  expect(() => withTable('none', '')).toThrow('ARCHITECTURE.md needs')
})

test('paths are found in backticks and links, not in code blocks, placeholders or URLs', () => {
  expect(pathsIn('`src/a.ts` and `./lab/up.sh` [x](../b.md#c) [y](https://h/z)\n```\n`src/no.ts`\n```\n`src/api/<kind>/` `npm run x` `lab/stories/NAME.ts` `a/b`', tops).map((named) => named.path))
    .toEqual(['src/a.ts', 'lab/up.sh', 'link:../b.md'])
})

test('a path that is gone is named with its line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'paths-'))
  try {
    mkdirSync(join(folder, 'src/x/sim'), { recursive: true })
    writeFileSync(join(folder, 'src/here.ts'), '')
    expect(goneIn(folder, 'src/README.md', '`src/here.ts` `src/*/sim`\n`src/gone.ts` [l](here.ts) [m](there.ts) `src/*/none`', tops)).toEqual(['src/README.md:2: src/gone.ts', 'src/README.md:2: src/*/none', 'src/README.md:2: there.ts'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the table of layers in ARCHITECTURE.md is the one of layers.json', () => {
  expect(existsSync(join(root, 'ARCHITECTURE.md')), 'ARCHITECTURE.md is missing').toBe(true)
  expect(tableIn(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'))).toBe(layersTable(lawOf(readFileSync(join(root, 'layers.json'), 'utf8'))))
})

test('every path that a document names exists', () => {
  const pages = globSync('**/*.md', { cwd: root, exclude: (name) => name === 'node_modules' || name === '.git' })
  expect(pages.flatMap((file) => goneIn(root, file, readFileSync(join(root, file), 'utf8'), tops))).toEqual([])
})
