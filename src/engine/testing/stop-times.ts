/** Short lives, so that a test with real processes outlasts them. The test shelf's calls take up to 300 ms there. */
export const longestCallMs = 400
export const leaseTtlMs = 1_200
