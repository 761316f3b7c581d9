/** How options are read, the same everywhere; what cannot be read is answered with what is allowed. */
import { InvalidArgumentError, type Command } from 'commander'
import { cliError } from './context.ts'
import { formats, parseFormat } from './output.ts'

/** The field manager of what people write. */
export const writer = { manager: 'skerry-cli' } as const

export const integer = (text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError(`${text} is no whole number.`)
  return Number(text)
}
/** Several times, or separated by commas. */
export const list = (text: string, before: readonly string[] = []): readonly string[] => [...before, ...text.split(',').filter((t) => t !== '')]

/** KEY=VALUE; the value may be empty and hold further equal signs. */
export const pairs = (option: string, texts: readonly string[] | undefined): Readonly<Record<string, string>> => Object.fromEntries((texts ?? []).map((t) => {
  const at = t.indexOf('=')
  if (at < 1) throw cliError(`${option} ${t}: KEY=VALUE`, 2)
  return [t.slice(0, at), t.slice(at + 1)]
}))

export const output = (c: Command): Command => c.option('-o, --output <format>', formats.join(', '), parseFormat, 'table')

/** An option's value wherever it stands, before or behind the command: `-n demo`, `--namespace demo`, `--namespace=demo`. */
export const valueOf = (argv: readonly string[], names: readonly string[]): string | undefined => {
  for (const [i, a] of argv.entries()) {
    if (a === '--') return undefined
    if (names.includes(a)) return argv[i + 1]
    const name = names.find((n) => n.startsWith('--') && a.startsWith(`${n}=`))
    if (name !== undefined) return a.slice(name.length + 1)
  }
  return undefined
}
