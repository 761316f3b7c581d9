/** The differences that are meant: docs/reference/differences.md is read, so that the reason of each stands where people look. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Known {
  readonly id: string
  /** Matches the text of a difference behind the name of its sequence: `create, get, again: POST: …`. */
  readonly seen: RegExp
}

const file = join(import.meta.dirname, '../../docs/reference/differences.md')
const row = /^\| `([a-z0-9-]+)` \| (.+?) \| `(.+)` \|$/

/** Rows of the table: id, why, and the pattern of what is seen, in which a bar is written `\|`. */
export const parseKnown = (text: string): readonly Known[] => {
  const rows = text.split('\n').filter((line) => line.startsWith('| `')).map((line) => {
    const m = row.exec(line)
    if (m === null) throw new Error(`differences.md: not a row of id, why and pattern: ${line}`)
    return { id: m[1]!, seen: new RegExp(`^${m[3]!.replaceAll('\\|', '|')}$`, 'su') }
  })
  const twice = rows.find((r, i) => rows.findIndex((other) => other.id === r.id) !== i)
  if (twice !== undefined) throw new Error(`differences.md: ${twice.id} stands there twice`)
  return rows
}
export const readKnown = async (): Promise<readonly Known[]> => parseKnown(await readFile(file, 'utf8'))

export const knownAs = (known: readonly Known[], text: string): Known | undefined => known.find((k) => k.seen.test(text))
