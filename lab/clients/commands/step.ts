/** One command that a person would type, and what must come of it. */
export interface Step {
  readonly what: string
  readonly run: readonly string[]
  /** Matches what is printed, both streams. */
  readonly want: RegExp
  /** Does not match it. */
  readonly not?: RegExp
  /** The exit code; 0 when absent. */
  readonly code?: number
  /** Read from standard input. */
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** Ends the command after so long: a watch has no end of its own. Its code does not count then. */
  readonly forMs?: number
  /** Runs beside the command, half a second after its start. */
  readonly meanwhile?: readonly string[]
}

/** What went wrong stands at the end. */
const tail = (text: string): string => text.trim().slice(-300) || 'nothing'

/** A mistake in what came, or nothing. */
export const mistakeIn = (step: Step, came: { readonly code: number; readonly text: string }): string | undefined => {
  if (!step.want.test(came.text)) return `wanted ${step.want}, got ${tail(came.text)}`
  if (step.not?.test(came.text) === true) return `did not want ${step.not}, got ${tail(came.text)}`
  if (step.forMs === undefined && came.code !== (step.code ?? 0)) return `ended with ${came.code}: ${tail(came.text)}`
  return undefined
}
