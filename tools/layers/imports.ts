/** What one TypeScript file imports, types included. Syntax only: nothing is resolved. */
import { parseAst } from 'vitest/node'

export interface Imported { readonly specifier: string; readonly typeOnly: boolean; readonly line: number }

/**
 * Static and dynamic imports, re-exports and `import('…')` types. Only `import type`, `export type … from` and import types are
 * type-only: `import { type A }` stays an import when types are stripped. Throws when the file cannot be parsed.
 */
export function importsOf(source: string): readonly Imported[] {
  const found: Imported[] = []
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit)
    if (value === null || typeof value !== 'object') return
    const node = value as Node
    const text = node.source?.value
    if (typeof text === 'string' && isImport(node.type)) found.push({ specifier: text, typeOnly: isTypeOnly(node), line: source.slice(0, node.start).split('\n').length })
    for (const child of Object.values(value)) visit(child)
  }
  visit(parseAst(source, { lang: 'ts' }))
  return found
}

interface Node { readonly type: string; readonly start: number; readonly source?: { readonly value?: unknown } | null; readonly importKind?: string; readonly exportKind?: string }

const isImport = (type: string): boolean => ['ImportDeclaration', 'ExportNamedDeclaration', 'ExportAllDeclaration', 'ImportExpression', 'TSImportType'].includes(type)
const isTypeOnly = (node: Node): boolean => node.type === 'TSImportType' || node.importKind === 'type' || node.exportKind === 'type'
