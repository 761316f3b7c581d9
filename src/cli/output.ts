/** Tables, YAML, JSON and names on a terminal. */
import { stringify } from 'yaml'
import { apiVersionOf, type Kind, type Resource } from '../api/meta/index.ts'
import type { Table } from '../client/resources.ts'
import type { Context } from './context.ts'
import { cliError } from './context.ts'

export const formats = ['table', 'wide', 'yaml', 'json', 'name'] as const
export type Format = (typeof formats)[number]
export const parseFormat = (text: string): Format => {
  if ((formats as readonly string[]).includes(text)) return text as Format
  throw cliError(`-o ${text}: one of ${formats.join(', ')}`, 2)
}

/** Columns padded to their widest cell; the last one is not. */
export const tableText = (rows: readonly (readonly string[])[]): string => {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((r) => (r[i] ?? '').length))) ?? []
  return rows.map((r) => r.map((c, i) => (i === r.length - 1 ? c : c.padEnd(widths[i]!))).join('   ').trimEnd()).join('\n')
}

export const fromServerTable = (table: Table, wide: boolean, withNamespace: boolean): string => {
  const shown = table.columnDefinitions.map((c, i) => ({ c, i })).filter(({ c }) => wide || c.priority === 0)
  const text = (v: unknown) => (v === null || v === undefined || v === '' ? '<none>' : String(v))
  const prefix = (o: Partial<Resource> | undefined) => (withNamespace ? [o?.metadata?.namespace ?? ''] : [])
  return tableText([[...(withNamespace ? ['NAMESPACE'] : []), ...shown.map(({ c }) => c.name.toUpperCase())], ...table.rows.map((r) => [...prefix(r.object), ...shown.map(({ i }) => text(r.cells[i]))])])
}

const clean = (o: Resource): unknown => { const { managedFields: _, ...metadata } = o.metadata; return { ...o, metadata } }
export const objectText = (o: Resource, format: 'yaml' | 'json'): string => (format === 'json' ? JSON.stringify(clean(o), null, 2) : stringify(clean(o)).trimEnd())

/** Prints one kind's objects as asked. */
export const print = async (context: Context, kind: Kind<any>, format: Format, of: { readonly namespace?: string; readonly name?: string; readonly labelSelector?: string; readonly fieldSelector?: string; readonly allNamespaces?: boolean }): Promise<void> => {
  const { terminal } = context
  const where = kind.namespaced && of.allNamespaces !== true ? { namespace: of.namespace ?? context.namespace() } : {}
  if (format === 'table' || format === 'wide') {
    const table = await context.resources().table(kind, { ...where, ...(of.name !== undefined && { name: of.name }), ...(of.labelSelector !== undefined && { labelSelector: of.labelSelector }), ...(of.fieldSelector !== undefined && { fieldSelector: of.fieldSelector }) })
    if (table.rows.length === 0) terminal.err(`no ${kind.plural}${where.namespace === undefined ? '' : ` in project ${where.namespace}`}`)
    else terminal.out(fromServerTable(table, format === 'wide', of.allNamespaces === true))
    return
  }
  if (of.name !== undefined) {
    const o = await context.resources().get<Resource>(kind, { namespace: where.namespace ?? '', name: of.name })
    if (o === undefined) throw cliError(`there is no ${kind.singular} ${of.name}${where.namespace === undefined ? '' : ` in project ${where.namespace}`}`, 3)
    terminal.out(format === 'name' ? `${kind.singular}/${of.name}` : objectText(o, format))
    return
  }
  const { items } = await context.resources().list<Resource>(kind, { ...where, ...(of.labelSelector !== undefined && { labelSelector: of.labelSelector }), ...(of.fieldSelector !== undefined && { fieldSelector: of.fieldSelector }) })
  if (format === 'name') for (const o of items) terminal.out(`${kind.singular}/${o.metadata.name}`)
  else {
    const list = { apiVersion: apiVersionOf(kind), kind: `${kind.kind}List`, items: items.map(clean) }
    terminal.out(format === 'json' ? JSON.stringify(list, null, 2) : stringify(list).trimEnd())
  }
}
