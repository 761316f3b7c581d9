/** Completion scripts, made from the commands themselves. */
import type { Command } from 'commander'
import { cliError } from './context.ts'

interface Place {
  /** `cluster create`; empty: the command itself. */
  readonly path: string
  readonly commands: readonly string[]
  readonly options: readonly string[]
}
const optionsOf = (c: Command): readonly string[] => ['--help', ...c.options.flatMap((o) => (o.long === undefined || o.long === null ? [] : [o.long]))]
const places = (c: Command, path = ''): readonly Place[] => [
  { path, commands: c.commands.map((s) => s.name()), options: optionsOf(c) },
  ...c.commands.flatMap((s) => [s.name(), ...s.aliases()].flatMap((name) => places(s, path === '' ? name : `${path} ${name}`))),
]
const quote = (text: string): string => `'${text.replaceAll('\'', '\'\\\'\'')}'`

/** Words that lead to no command (values of options, names) are stepped over. */
const bash = (all: readonly Place[]): string => `_skerry() {
  local path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${all.filter((p) => p.path !== '').map((p) => quote(p.path)).join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${all.map((p) => `    ${quote(p.path)}) words=${quote([...p.commands, ...p.options].join(' '))} ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _skerry skerry`

const fish = (all: readonly Place[]): string => all.flatMap(({ path, commands, options }) => {
  const seen = path === '' ? [] : path.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`)
  const notYet = commands.length === 0 ? [] : [path === '' ? '__fish_use_subcommand' : `not __fish_seen_subcommand_from ${commands.join(' ')}`]
  const when = quote([...seen, ...notYet].join('; and '))
  return [
    ...(commands.length === 0 ? [] : [`complete -c skerry -f -n ${when} -a ${quote(commands.join(' '))}`]),
    ...options.map((o) => `complete -c skerry -n ${when} -l ${o.slice(2)}`),
  ]
}).join('\n')

export const completion = (program: Command, shell: string): string => {
  const all = places(program)
  switch (shell) {
    case 'bash': return bash(all)
    case 'zsh': return `autoload -U +X bashcompinit && bashcompinit\n${bash(all)}`
    case 'fish': return fish(all)
    default: throw cliError(`no completion for ${shell}: bash, zsh or fish`, 2)
  }
}
