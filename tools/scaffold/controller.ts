/** The beginning of a planned controller, in the shape of src/controllers/node-pool. */
import { camel, pascal } from './names.ts'

export const controllerFiles = (name: string): Readonly<Record<string, string>> => {
  const Kind = pascal(name)
  return {
    [`src/controllers/${name}/index.ts`]: `/** Says of each ${Kind} whether there is anything to do. */
import { ${Kind} } from '../../api/${name}/index.ts'
import { planned, status as writes } from '../../engine/shapes.ts'
import { fromPass } from '../conditions.ts'
import type { Ports } from '../ports.ts'
import { observe, type Seen } from './observe.ts'
import { plan, type Step } from './plan.ts'

export const ${camel(name)} = (ports: Ports) => planned<${Kind}, Seen, Step>({
  name: '${name}',
  for: ${Kind},
  reads: [],
  writes: [writes(${Kind})],
  outside: [],
  observe,
  plan,
  // Nothing to apply: the union of steps is empty.
  apply: async () => {},
  status: (_object, _seen, pass) => ({ conditions: [fromPass('Ready', pass, ports, { reason: 'Ready', message: 'nothing is left to do' })] }),
})
`,
    [`src/controllers/${name}/observe.ts`]: `/** Reads everything once; decides nothing. */
import type { ${Kind} } from '../../api/${name}/index.ts'

export interface Seen { readonly isDeleting: boolean }

export const observe = async (object: ${Kind}): Promise<Seen> => ({ isDeleting: object.metadata.deletionTimestamp !== undefined })
`,
    [`src/controllers/${name}/plan.ts`]: `/** What is to be done. Pure. */
import { settled } from '../../engine/outcome.ts'
import type { Finish, Plan } from '../../engine/shapes.ts'
import type { Seen } from './observe.ts'

export type Step = never

export const plan = (seen: Seen, _now: Date): Plan<Step | Finish> => (seen.isDeleting ? { steps: [{ kind: 'finish' }], outcome: settled() } : { steps: [], outcome: settled() })
`,
    [`src/controllers/${name}/plan.test.ts`]: `import { expect, test } from 'vitest'
import { plan } from './plan.ts'

test.each([
  ['one that stays needs nothing', { isDeleting: false }, []],
  ['one that goes is let go', { isDeleting: true }, ['finish']],
])('%s', (_, seen, steps) => expect(plan(seen, new Date(0)).steps.map((step) => step.kind)).toEqual(steps))
`,
  }
}
