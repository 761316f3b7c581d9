/** Makes conditions from a closed list of reasons, so that a reason always says whose move it is. */
import type { Fault } from './object.ts'

/** undefined: nothing is wrong when it is given. */
export interface ReasonTable { readonly [reason: string]: Fault | undefined }

export interface NewCondition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
  readonly fault?: Fault
  readonly observedGeneration?: number
}

/** A kind's `conditions.ts` calls this with its reasons; using another reason does not compile. */
export const conditionMaker = <const T extends ReasonTable>(reasons: T) =>
  (type: string, status: 'True' | 'False' | 'Unknown', reason: keyof T & string, message: string): NewCondition => {
    const fault = reasons[reason]
    return { type, status, reason, message, ...(status !== 'True' && fault !== undefined && { fault }) }
  }
