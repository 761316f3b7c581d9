/** When to look again at what waits for the world outside: under load, looking again and again must not be all that is done. */

/** In all, so many looks a second are enough: who waits with many others is looked at less often. */
const looksPerSecond = 150

/** Milliseconds. `tookMs`: the last look; who is slow to be looked at is looked at less often too. `waiting`: others of this controller that have a deadline. */
export const lookAgainMs = (wantedMs: number, tookMs: number, waiting: number): number => Math.max(wantedMs, 2 * tookMs, (waiting * 1000) / looksPerSecond)
