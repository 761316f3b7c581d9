/** How often somebody may: a rate that goes on, and a burst after a pause. */

export interface Rate {
  /** A second. */
  readonly rate: number
  /** At once, after a pause. */
  readonly burst: number
}

/** Times are milliseconds of one monotonic clock. */
export class TokenBucket {
  readonly #rate: Rate
  #tokens: number
  #at: number

  constructor(rate: Rate, now: number) {
    this.#rate = rate
    this.#tokens = rate.burst
    this.#at = now
  }

  #fill(now: number): void {
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + ((now - this.#at) / 1000) * this.#rate.rate)
    this.#at = now
  }

  /** 0: taken. Otherwise nothing is, and the answer says in how many milliseconds one is there. */
  take(now: number): number {
    this.#fill(now)
    if (this.#tokens < 1) return ((1 - this.#tokens) / this.#rate.rate) * 1000
    this.#tokens--
    return 0
  }

  /** Takes what is not there yet as well: the next ones wait longer. */
  spend(tokens: number): void { this.#tokens -= tokens }

  isFull(now: number): boolean {
    this.#fill(now)
    return this.#tokens >= this.#rate.burst
  }
}
