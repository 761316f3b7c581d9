/** Prints what a story has reached: seconds since it began, seconds of the step. */

export interface Steps {
  done(text: string): void
  /** Polls until `look` gives something. Throws when `seconds` have passed, with the last reason that `look` gave by throwing. */
  until<T>(text: string, seconds: number, look: () => Promise<T | undefined | false>, every?: number): Promise<T>
}

export function steps(now: () => number, print: (line: string) => void, wait: (ms: number) => Promise<void>): Steps {
  const begun = now()
  let last = begun
  const done = (text: string): void => {
    const t = now()
    print(`[${((t - begun) / 1000).toFixed(1).padStart(7)}] ${((t - last) / 1000).toFixed(1).padStart(6)} s  ${text}`)
    last = t
  }
  return {
    done,
    until: async (text, seconds, look, every = 1000) => {
      const end = now() + seconds * 1000
      for (let why = ''; ; await wait(every)) {
        try {
          const found = await look()
          if (found !== undefined && found !== false) { done(text); return found }
        } catch (error) {
          why = error instanceof Error ? error.message : String(error)
        }
        if (now() > end) throw new Error(`not within ${seconds} s: ${text}${why && ` (${why.trim().slice(-600)})`}`)
      }
    },
  }
}
