/** A story's checks: one line each, the figures, and at the end how many passed and failed. */
import { parseArgs } from 'node:util'

export interface Report {
  /** `why` is said when it does not hold. */
  check(what: string, holds: boolean, why?: string): void
  say(text: string): void
  figure(name: string, value: number | string): void
  /** The last line; the exit code is set when something failed. */
  end(): { readonly passed: number; readonly failed: number }
}

export const makeReport = (json: boolean): Report => {
  const begun = performance.now()
  const checks: { what: string; holds: boolean; why?: string }[] = []
  const figures: Record<string, number | string> = {}
  const line = (text: string): void => { (json ? process.stderr : process.stdout).write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(7)} s  ${text}\n`) }
  return {
    say: line,
    figure(name, value) { figures[name] = value; line(`${name}: ${value}`) },
    check(what, holds, why = '') {
      checks.push({ what, holds, ...(!holds && { why }) })
      line(`${holds ? 'ok    ' : 'FAILED'}  ${what}${holds || why === '' ? '' : `: ${why}`}`)
    },
    end() {
      const failed = checks.filter((c) => !c.holds).length
      const passed = checks.length - failed
      if (json) process.stdout.write(`${JSON.stringify({ seconds: (performance.now() - begun) / 1000, figures, checks, passed, failed })}\n`)
      ;(json ? process.stderr : process.stdout).write(`${passed} passed, ${failed} failed\n`)
      if (failed > 0) process.exitCode = 1
      return { passed, failed }
    },
  }
}

/** `--name N` for each number, and `--json`. */
export const readFlags = <K extends string>(numbers: Readonly<Record<K, number>>): Readonly<Record<K, number>> & { readonly json: boolean } => {
  const { values } = parseArgs({ options: { json: { type: 'boolean' }, ...Object.fromEntries(Object.keys(numbers).map((k) => [k, { type: 'string' as const }])) } })
  const given = values as Readonly<Record<string, string | boolean | undefined>>
  const read = Object.fromEntries(Object.entries<number>(numbers).map(([k, otherwise]) => {
    const n = given[k] === undefined ? otherwise : Number(given[k])
    if (!Number.isInteger(n) || n < 0) throw new Error(`--${k} ${String(given[k])}: a whole number`)
    return [k, n]
  }))
  return { ...(read as Record<K, number>), json: given['json'] === true }
}

/** Random numbers that a seed repeats (mulberry32). */
export const seeded = (seed: number): (() => number) => {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), a | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
export const pick = <T>(random: () => number, from: readonly T[]): T => from[Math.floor(random() * from.length)]!
export const isMain = (url: string): boolean => process.argv[1] !== undefined && url === new URL(`file://${process.argv[1]}`).href
