/** Short lives, so that a test with real processes outlasts them; long enough for a busy machine. */
export const callMs = 600
export const longestCallMs = 800
export const leaseTtlMs = 2_400
