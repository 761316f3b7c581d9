/** Commands of ours that a text names in backticks or in code blocks, so that no page teaches one that is not there. */
import type { Command } from 'commander'

/** `skerry cluster create` → `cluster create`; options, arguments in capitals and placeholders end a name. */
export const commandsIn = (text: string): readonly string[] =>
  [...text.matchAll(/(?:`|^|[\s(])(?:\.\/)?skerry((?: [a-z][a-z-]*)+)/gm)].map(([, words]) => words!.trim())

/** Whether the words lead to a command; what follows a command without subcommands are its arguments. */
export const exists = (program: Command, words: string): boolean => {
  let at = program
  for (const word of words.split(' ')) {
    if (at.commands.length === 0) return true
    const next = at.commands.find((c) => c.name() === word || c.aliases().includes(word))
    if (next === undefined) return false
    at = next
  }
  return true
}
