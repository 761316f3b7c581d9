/** Completion scripts, made from the commands themselves. */
import type { Command } from 'commander'
import { cliError } from './context.ts'

interface Node { readonly path: string; readonly words: readonly string[] }
const nodes = (c: Command, path = ''): readonly Node[] => [
  { path, words: [...c.commands.map((s) => s.name()), ...c.options.flatMap((o) => (o.long === undefined || o.long === null ? [] : [o.long]))] },
  ...c.commands.flatMap((s) => nodes(s, path === '' ? s.name() : `${path} ${s.name()}`)),
]

const bash = (all: readonly Node[]): string => `_skerry() {
  local path="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do case $word in -*) ;; *) path="\${path:+$path }$word" ;; esac; done
  while :; do
    case $path in
${all.map((n) => `      ${JSON.stringify(n.path)}) words=${JSON.stringify(n.words.join(' '))}; break ;;`).join('\n')}
      *) path="\${path% *}" ;;
    esac
  done
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _skerry skerry`

const fish = (all: readonly Node[]): string => all.map((n) => `complete -c skerry -f -n '${n.path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${n.path.split(' ').at(-1) ?? ''}`}' -a '${n.words.join(' ')}'`).join('\n')

export const completion = (program: Command, shell: string): string => {
  const all = nodes(program)
  switch (shell) {
    case 'bash': return bash(all)
    case 'zsh': return `autoload -U +X bashcompinit && bashcompinit\n${bash(all)}`
    case 'fish': return fish(all)
    default: throw cliError(`no completion for ${shell}: bash, zsh or fish`, 2)
  }
}
