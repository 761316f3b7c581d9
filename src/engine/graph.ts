/** The controllers as text: who is woken by what, and who writes what. A golden file compares it. */
import type { Controller } from './shapes.ts'

const line = (what: string, items: readonly string[]): string => (items.length === 0 ? '' : `  ${what.padEnd(9)} ${items.toSorted().join(', ')}\n`)

export const graphText = (controllers: readonly Controller[]): string =>
  controllers.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((c) => [
    `${c.name} (${c.shape}) for ${c.for.kind}\n`,
    line('reads', c.reads.map((r) => `${r.kind.kind} [${r.relation}]`)),
    line('writes', c.writes.map((w) => `${w.kind.kind}${w.mode === 'status' ? '.status' : ''}${w.part === '*' ? '' : ` [${w.part}]`}`)),
    line('outside', c.outside),
    line('finalizer', c.finalizer === undefined ? [] : [c.finalizer]),
  ].join('')).join('\n')
