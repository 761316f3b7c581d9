/** docs/reference/conditions.md: every reason that a condition can have, whose move it is, what to do. */
import { reasons, type Reason } from '../../src/controllers/conditions.ts'
import { advice } from './advice.ts'
import { made, page, table } from './text.ts'

const whose = { User: 'yours', Cloud: 'the cloud\'s', Platform: 'Skerry\'s' } as const

export const conditionsPage = (): string => page(
  '# Conditions', made('src/controllers/conditions.ts and tools/reference/advice.ts'),
  'A condition has a `reason` from this list, a `message` that says what is being waited for and on which object, and, when something is not as it should be, `fault`: whose move it is. `User` is the one who wrote the spec, `Cloud` the OpenStack beneath, `Platform` Skerry or its operator.',
  table(['reason', 'whose move', 'what to do'], (Object.keys(reasons) as Reason[]).toSorted().map((reason) => {
    const fault = reasons[reason]
    return [`\`${reason}\``, fault === undefined ? 'nobody\'s' : `${whose[fault]} (\`${fault}\`)`, advice[reason]]
  })),
)
