/** The table of layers in ARCHITECTURE.md, made from layers.json so that the page cannot disagree with the law. */
import type { Law } from '../layers/law.ts'

const begin = '<!-- layers.json -->'
const end = '<!-- end -->'

export function layersTable(law: Law): string {
  const rows = law.map((layer, i) => {
    const may = [...layer.may.map((name) => (name === '*' ? 'everything' : name)), ...layer.types.map((name) => `${name} (types)`)]
    return `| ${i + 1} | \`${layer.path}\` | ${layer.says} | ${may.length === 0 ? 'nothing' : may.join(', ')} |`
  })
  return ['| | folder | holds | may import |', '|---|---|---|---|', ...rows].join('\n')
}

/** What stands between the marks, or undefined when the page has none. */
export function tableIn(page: string): string | undefined {
  const from = page.indexOf(begin), to = page.indexOf(end, from)
  return from < 0 || to < 0 ? undefined : page.slice(from + begin.length, to).trim()
}

export function withTable(page: string, table: string): string {
  const from = page.indexOf(begin), to = page.indexOf(end, from)
  if (from < 0 || to < 0) throw new Error(`ARCHITECTURE.md needs the lines ${begin} and ${end} where its table of layers stands`)
  return `${page.slice(0, from + begin.length)}\n${table}\n${page.slice(to)}`
}
